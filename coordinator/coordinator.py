"""A coordinator put together from its parts: loop, runtime, door."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from secrets import token_hex

from coordinator.config import CoordinatorConfig
from coordinator.core.policies import Policy
from coordinator.handler import CoordinatorHandler
from coordinator.own_files import check_files
from coordinator.patience import outlast
from coordinator.runtime import Runtime
from coordinator.store.ownership import this_process
from coordinator.store.store import Store
from mlcore.kernels import set_threads
from rpc.blobs import BlobFolder
from rpc.loop import Loop
from rpc.server import Server
from rpc.services import COORDINATOR


class Coordinator:
    """A serving coordinator. `run` serves until `stop`, which any thread and any signal handler may call.

    Attributes:
        address: where it serves.
        store: the database with its version and place, for people.
    """

    def __init__(self, config: CoordinatorConfig, policy: Policy) -> None:
        self._loop = Loop()
        self._scratch = tempfile.TemporaryDirectory(prefix="roundhouse-coordinator-", ignore_cleanup_errors=True)
        folder = Path(config.data_dir or self._scratch.name)
        holder = this_process(f"{config.host}:{config.port}", time.time_ns() // 1_000_000)
        place = config.store or folder / "store.db"
        store = outlast(lambda: Store.open(place, holder, identity=token_hex(8)), config.store_wait_s)
        # After the store, which can say who is there already.
        self._blobs = blobs = BlobFolder(folder / "blobs")
        outlast(lambda: check_files(store.reader, blobs), config.store_wait_s)
        self._runtime = Runtime(config, policy, loop=self._loop, blobs=blobs, logs=folder / "logs", store=store)
        self._handler = CoordinatorHandler(self._loop, self._runtime, blobs, config.data_root, store=store.version)
        self._server = Server(self._loop, COORDINATOR, self._handler, host=config.host, port=config.port)
        self.address = self._server.address
        self.store = f"{store.version}, {store.name}"
        # The port was any free one, perhaps.
        outlast(lambda: store.announce("{}:{}".format(*self.address)), config.store_wait_s)
        set_threads(1)  # the nodes of a small machine need its cores more than validation does
        self._runtime.start()  # before anybody is told that this serves: it may fail, or take a while
        self._handler.recall_schedules(outlast(store.reader.schedules, config.store_wait_s))

    def run(self) -> None:
        """Serve until stopped; raises what made it impossible to go on."""
        try:
            self._loop.run()
        finally:
            self._server.close()
            self._runtime.close()
            self._handler.close()
            self._blobs.close()
            self._scratch.cleanup()
        if self._runtime.ended_by is not None:
            raise self._runtime.ended_by

    def stop(self) -> None:
        self._loop.stop()
