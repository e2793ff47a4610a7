"""Script jobs on a node: bundles, environments, sandboxes, output."""
