"""Drives any implementation of a compute node through what the coordinator needs of it."""
