"""Tests of `mlcore`."""
