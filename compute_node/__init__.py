"""A compute node: keeps shards, trains on them, and answers the coordinator that calls."""
