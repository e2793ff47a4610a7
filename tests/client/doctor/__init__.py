"""Tests of client.doctor."""
