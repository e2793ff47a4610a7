"""Drives the shipped dispatcher, recorder and journal through seeded schedules of faults on a virtual clock."""
