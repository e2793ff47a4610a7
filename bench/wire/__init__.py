"""The wire beside a raw socket, stock Thrift and gRPC."""
