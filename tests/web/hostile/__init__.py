"""Requests that no honest client sends, byte by byte, to a web server that runs."""
