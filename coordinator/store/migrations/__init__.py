"""The steps from each schema that was ever released to the next; a step is never edited after that."""
