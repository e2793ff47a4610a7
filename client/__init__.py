"""The client: asks a coordinator for work, shows its progress, and keeps its results."""
