"""A coordinator put together from its parts: loop, runtime, door."""

from __future__ import annotations

import tempfile
from pathlib import Path

from coordinator.config import CoordinatorConfig
from coordinator.core.policies import Policy
from coordinator.handler import CoordinatorHandler
from coordinator.identity import keep_identity, next_identity
from coordinator.runtime import Runtime
from mlcore.kernels import set_threads
from rpc.blobs import BlobFolder
from rpc.loop import Loop
from rpc.server import Server
from rpc.services import COORDINATOR


class Coordinator:
    """A serving coordinator. `run` serves until `stop`, which any thread and any signal handler may call."""

    def __init__(self, config: CoordinatorConfig, policy: Policy) -> None:
        self._loop = Loop()
        self._scratch = tempfile.TemporaryDirectory(prefix="roundhouse-coordinator-", ignore_cleanup_errors=True)
        blobs = BlobFolder(Path(config.data_dir or self._scratch.name) / "blobs")
        folder = Path(config.data_dir) if config.data_dir else None
        identity = next_identity(folder)
        self._runtime = Runtime(config, identity, policy, loop=self._loop, blobs=blobs)
        self._handler = CoordinatorHandler(self._loop, self._runtime, blobs, config.data_root)
        self._server = Server(self._loop, COORDINATOR, self._handler, host=config.host, port=config.port)
        self.address = self._server.address
        if folder is not None:
            keep_identity(folder, identity)

    def run(self) -> None:
        """Serve until stopped."""
        set_threads(1)  # the nodes of a small machine need its cores more than validation does
        self._runtime.start()
        try:
            self._loop.run()
        finally:
            self._server.close()
            self._runtime.close()
            self._handler.close()
            self._scratch.cleanup()

    def stop(self) -> None:
        self._loop.stop()
