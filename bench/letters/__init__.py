"""The whole system: the letters to a target, from the launch of the first process."""
