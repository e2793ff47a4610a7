"""A coordinator put together from its parts: loop, runtime, door."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from secrets import token_hex

from coordinator.audit import Audit, AuditCalls
from coordinator.authority import AuthorityCall
from coordinator.config import CoordinatorConfig
from coordinator.core.policies import Policy
from coordinator.door import Door, Guards
from coordinator.first_tokens import FirstTokens, first_tokens
from coordinator.handler import CoordinatorHandler
from coordinator.limits import Pace
from coordinator.own_files import check_files
from coordinator.owned_work import OwnedWork
from coordinator.patience import outlast
from coordinator.runtime import Runtime
from coordinator.store.ownership import this_process
from coordinator.store.store import Store
from coordinator.tokens import TokenCalls, Tokens
from mlcore.kernels import set_threads
from rpc.aside import Aside
from rpc.blobs import BlobFolder
from rpc.errors import TrainerError
from rpc.loop import Loop
from rpc.private_folder import make as make_private
from rpc.server import Server
from rpc.services import COORDINATOR


class Coordinator:
    """A serving coordinator. `run` serves until `stop`, which any thread and any signal handler may call.

    Attributes:
        address: where it serves.
        store: the database with its version and place, for people.
        first_tokens: those of a first start, to be told once.
        tokens: all.
        local_socket: by which programs of this user reach it without TLS; empty: there is none, or no need.
        secured: with which certificates it serves; None: without TLS.
    """

    def __init__(self, config: CoordinatorConfig, policy: Policy) -> None:
        self._loop = Loop()
        self._scratch = tempfile.TemporaryDirectory(prefix="roundhouse-coordinator-", ignore_cleanup_errors=True)
        folder = Path(config.data_dir or self._scratch.name)
        holder = this_process(f"{config.host}:{config.port}", time.time_ns() // 1_000_000)
        place = config.store or folder / "store.db"
        store = outlast(lambda: Store.open(place, holder, identity=token_hex(8)), config.store_wait_s)
        self.first_tokens = _first_tokens(config, store)
        # After the store, which can say who is there already.
        self._blobs = blobs = BlobFolder(folder / "blobs")
        outlast(lambda: check_files(store.reader, blobs), config.store_wait_s)
        logs = _for_logs(folder / "logs")
        self._runtime = Runtime(config, policy, loop=self._loop, blobs=blobs, logs=logs, store=store)
        self.tokens = Tokens(self._loop, self._runtime.when_remembered, self._runtime.clock)
        self.tokens.recall(outlast(store.reader.tokens, config.store_wait_s))
        self._handler = CoordinatorHandler(
            self._loop, self._runtime, blobs, config.data_root, self.tokens, store=store.version
        )
        self._lookups = Aside(self._loop, 1, "identities")
        self.secured = config.tls.secured(folder / "tls", config.host)
        self._server = Server(
            self._loop, COORDINATOR, self._door(config), host=config.host, port=config.port,
            tls=self.secured.serving.context() if self.secured else None,
            local_folder=Path(self._scratch.name) if self.secured else None,
            opens=False,
        )  # fmt: skip
        self.local_socket = self._server.local_socket
        self.address = self._server.address
        self.store = f"{store.version}, {store.name}"
        # The port was any free one, perhaps.
        outlast(lambda: store.announce("{}:{}".format(*self.address)), config.store_wait_s)
        set_threads(1)  # the nodes of a small machine need its cores more than validation does
        self._runtime.start()  # before anybody is told that this serves: it may fail, or take a while
        self._handler.recall_schedules(outlast(store.reader.schedules, config.store_wait_s))
        # Only now: nodes and clients that were let in while this takes its time would all be served at one moment.
        self._server.open()

    def run(self) -> None:
        """Serve until stopped; raises what made it impossible to go on."""
        try:
            self._loop.run()
        finally:
            self._server.close()
            self._runtime.close()
            self._handler.close()
            self._lookups.close()
            self._blobs.close()
            self._scratch.cleanup()
        if self._runtime.ended_by is not None:
            raise self._runtime.ended_by

    def stop(self) -> None:
        self._loop.stop()

    def _door(self, config: CoordinatorConfig) -> Door:
        runtime, lookups = self._runtime, self._lookups
        guards = Guards(
            tokens=self.tokens,
            owned_work=OwnedWork(runtime, lookups),
            pace=Pace(config.submits_per_minute, config.quotas),
            audit=Audit(runtime.when_remembered, runtime.clock),
        )
        authority = AuthorityCall(self.secured.authority_pem() if self.secured else b"")
        desks = (self._handler, TokenCalls(self.tokens), AuditCalls(runtime.reader, lookups), authority)
        return Door(guards, *desks, demands_tokens=config.demands_tokens)


def _for_logs(folder: Path) -> Path:
    """Make a folder for what jobs say; TrainerError: it cannot be made."""
    try:
        return make_private(folder)
    except OSError as error:
        raise TrainerError(f"{folder}: cannot be used: {error.strerror}; choose another --data-dir") from error


def _first_tokens(config: CoordinatorConfig, store: Store) -> FirstTokens | None:
    """The tokens of a first start; None where there were some, or nobody needs any: for a moment, on loopback."""
    if config.data_dir is None and not config.store and not config.demands_tokens:
        return None
    return outlast(lambda: first_tokens(store, config.token_file), config.store_wait_s)
