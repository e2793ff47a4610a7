"""Tests of the comparison itself: its arithmetic, its table and how it deals with contestants that fail."""
