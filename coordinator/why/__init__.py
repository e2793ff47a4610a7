"""Why work, tasks and nodes are as they are: answers from what is now, and from what is remembered."""
