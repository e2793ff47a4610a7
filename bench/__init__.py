"""Roundhouse beside its peers: the comparisons that the README quotes, run with one command."""
