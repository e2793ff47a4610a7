"""gRPC in its quickest form: bytes there and back, without protobuf around them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import grpc

from bench.wire.echo import Way
from bench.wire.serving import tell_address

_ANY_SIZE = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


def connect(port: str) -> Way:
    call = grpc.insecure_channel(f"127.0.0.1:{port}", options=_ANY_SIZE).unary_unary("/bench.Echo/echo")

    def echo(message: memoryview) -> memoryview:
        return memoryview(call(bytes(message)))

    return Way(echo)


def main() -> None:
    server = grpc.server(ThreadPoolExecutor(1), options=_ANY_SIZE)
    method = grpc.unary_unary_rpc_method_handler(lambda message, context: message)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", {"echo": method}),))
    tell_address(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    Event().wait()


if __name__ == "__main__":
    main()
