"""One file per schema, named by its number."""
