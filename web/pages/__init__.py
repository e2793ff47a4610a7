"""The dashboard's pages: what people keep open. Nothing that others wrote is ever shown but as text."""
