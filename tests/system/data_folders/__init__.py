"""A data folder of each schema that was released: a store, its files, a run that has ended and one under way."""
