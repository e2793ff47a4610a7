"""The wire edge: the only place that knows Thrift."""
