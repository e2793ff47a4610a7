"""The numerical core: multilayer perceptrons trained on shards, as a plain library without I/O of its own."""
