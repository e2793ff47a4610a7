"""The app served for real, by uvicorn in a thread of its own: what a client within the process cannot see."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn
from fastapi import FastAPI

from web.cli import config_of


@contextmanager
def served(app: FastAPI) -> Iterator[int]:
    """Yield the port where the app is served."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(config_of(app))
        thread = Thread(target=asyncio.run, args=(server.serve(sockets=[listening]),))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(20)
