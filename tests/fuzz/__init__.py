"""Frames that are harmed, sent to programs that run."""
