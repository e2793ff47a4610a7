"""The web: REST and a dashboard, in a process of its own that is a client of the coordinator like any other."""
