"""The REST interface, `/api/v1`: what the command line can do, for programs that speak HTTP."""
