"""Short script jobs: how soon they begin, how many a second, how late their lines come; beside RQ and Ray Jobs."""
