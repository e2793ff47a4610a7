"""Whole-system tests: the programs as processes, on the loopback."""
