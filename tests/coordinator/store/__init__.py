"""Tests of coordinator/store: every one on SQLite and on a PostgreSQL that they start themselves."""
