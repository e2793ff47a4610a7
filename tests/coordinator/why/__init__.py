"""Tests of coordinator/why."""
