"""Tests of `mlcore.kernels`."""
