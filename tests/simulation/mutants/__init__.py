"""Bugs planted one by one: a simulator that does not find them is not worth its minute."""
