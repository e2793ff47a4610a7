"""Tests of script jobs on a node."""
