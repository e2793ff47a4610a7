"""What is wrong, and how to mend it: `client.py doctor` and `client.py debug-dump`."""
