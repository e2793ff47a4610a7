"""What outlives the coordinator's process: the only package that speaks SQL."""
