"""Drives the shipped dispatcher through seeded schedules of faults on a virtual clock."""
