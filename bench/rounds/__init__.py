"""Rounds that cost nothing but the round itself, beside other systems."""
