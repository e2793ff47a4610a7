"""Real processes that are killed, paused and restarted at random while runs are in flight."""
