"""The coordinator: takes work from clients, hands tasks to compute nodes and averages what they learn."""
