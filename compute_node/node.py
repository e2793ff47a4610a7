"""A node put together from its parts: loop, server, threads, kernels."""

from __future__ import annotations

import logging
import tempfile
import threading
from functools import cache
from pathlib import Path
from random import Random

from compute_node import machine
from compute_node.admission import Admission
from compute_node.cache import Cache
from compute_node.config import NodeConfig
from compute_node.departure import Departure
from compute_node.gpus import GpuWatch
from compute_node.handler import NodeHandler
from compute_node.joining import Joining
from compute_node.kept_blobs import KeptBlobs
from compute_node.key import node_key
from compute_node.meter import Meter
from compute_node.own_gpus import own_gpus
from compute_node.scripts.service import ScriptService
from compute_node.scripts.volumes import check_volumes
from compute_node.shards import ShardCache
from compute_node.training import ShardWorker, Trainer, train_with
from compute_node.trusting import trusted
from mlcore.kernels import get_backend, numeric_class
from mlcore.workspace import release_workspaces
from rpc.aside import Aside
from rpc.blobs import BlobFolder
from rpc.errors import TrainerError
from rpc.loop import Loop
from rpc.node_identity import identity_of
from rpc.server import Server
from rpc.services import COMPUTE_NODE

logger = logging.getLogger(__name__)

_DTYPES = ("float32", "float64")
_FAREWELL_S = 1.0  # for script jobs to end, and for coordinators to hear of it
_LAST_STEP_S = 1.0  # for tasks to notice that they are cancelled


class ComputeNode:
    """A serving node. `run` serves until `stop` or `leave`, which any thread and any signal handler may call.

    Attributes:
        address: where it serves; of a node that joins, nowhere.
        identity: the same after every restart, if its key file is.
    """

    def __init__(self, config: NodeConfig, trainer: Trainer | None = None) -> None:
        check_device(config.device)
        check_volumes(config.scripts.volumes, engine=config.scripts.engine, kept=config.data_dir)
        self.address = ("", 0)
        self._loop = Loop()
        self._scratch = tempfile.TemporaryDirectory(prefix="roundhouse-node-", ignore_cleanup_errors=True)
        folder = Path(config.data_dir or self._scratch.name)
        blobs = BlobFolder(folder / "blobs")
        self._backend = cache(lambda: get_backend(config.device))
        self._slots = Aside(self._loop, config.slots, "slot", when_idle=release_workspaces)
        self._files = Aside(self._loop, 1, "files")
        kept = KeptBlobs(blobs, config.cache.grace_s)
        self._cache = Cache(config.cache)
        self._cache.add(kept)
        shards = ShardCache(blobs, config.shard_cache_bytes, kept.note)
        worker = ShardWorker(shards, trainer or train_with(self._backend))
        coin = Random(f"{config.chaos_seed}/{config.port}/{config.name}")
        admission = Admission(config.slots, config.load_probability, config.delay_s, coin)
        self._gpus = GpuWatch()
        self._scripts = ScriptService(
            config.scripts, self._loop, files=self._files, admission=admission, blobs=blobs, folder=folder,
            kept=kept, cache=self._cache, gpu_memory=self._gpus.memory_of,
        )  # fmt: skip
        self._handler = NodeHandler(
            config, self._loop, admission=admission, slots=self._slots, files=self._files, worker=worker, blobs=blobs,
            scripts=self._scripts, meter=Meter(folder, self._gpus, self._cache),
        )  # fmt: skip
        key = node_key(Path(config.key_file or folder / "node.key"))
        self.identity = self._handler.identity = identity_of(key)
        self._door = self._joining(config, key) if config.join else self._server(config)
        self.name = self._handler.name
        self._config = config
        self._departure = Departure(self._loop, self._is_idle, self._end)
        self._farewell = Departure(self._loop, self._is_done, self.stop)
        if config.exit_when_drained:
            self._handler.on_drained = self._drained

    def run(self) -> bool:
        """Serve until stopped; return whether all work has ended then. What has not is worth nothing any more."""
        kernels = threading.Thread(target=self._get_ready, name="kernels", daemon=True)
        kernels.start()
        self._gpus.start()
        self._cache.start()
        try:
            self._loop.run()
        finally:
            self._gpus.close()
            self._cache.close()
            self._door.close()
            self._handler.close()
            self._files.close()
            is_idle = self._slots.close(_LAST_STEP_S)
            self._scratch.cleanup()
        return is_idle and not kernels.is_alive()

    def stop(self) -> None:
        self._loop.stop()

    def leave(self) -> None:
        """Take nothing new, and stop once nobody waits for what runs here or the grace is over; at once if repeated."""
        self._loop.interrupt(self._leave)

    def _leave(self) -> None:
        if self._departure.is_final:
            self.stop()
            return
        self._handler.leave()
        self._departure.within(self._config.drain_grace_s)

    def end(self) -> None:
        """Stop now, but for the moment that it takes to say which script jobs have ended here; at once if repeated."""
        self._loop.interrupt(self._end)

    def _end(self) -> None:
        if self._scripts.is_empty or self._farewell.is_final:
            self.stop()
            return
        self._handler.leave()
        self._scripts.end_all()
        self._farewell.within(_FAREWELL_S)

    def _is_done(self) -> bool:
        return self._scripts.is_empty and self._is_idle()

    def _is_idle(self) -> bool:
        return not (self._door.is_busy or self._handler.is_fetched_from)

    def _drained(self, is_drained: bool) -> None:
        if is_drained:
            self._departure.when_idle()
        else:
            self._departure.stay()

    def _server(self, config: NodeConfig) -> Server:
        secured = config.tls.secured(Path(self._scratch.name), config.host)
        server = Server(
            self._loop, COMPUTE_NODE, self._handler,
            host=config.host, port=config.port, local_folder=Path(self._scratch.name),
            tls=secured.serving.context() if secured else None,
        )  # fmt: skip
        self.address = server.address
        self._handler.local_socket = server.local_socket
        self._handler.name = config.name or f"{self.address[0]}:{self.address[1]}"
        return server

    def _joining(self, config: NodeConfig, key: bytes) -> Joining:
        assert config.join is not None
        self._handler.name = config.name or identity_of(key)
        joining = Joining(
            self._loop, config.join, self._handler,
            key=key, slots=config.slots, rng=Random(), token=config.token, tls=trusted(config),
        )  # fmt: skip
        joining.open()
        return joining

    def _load_kernels(self) -> None:
        try:
            backend = self._backend()
            self._loop.post(lambda: self._handler.kernels_loaded(backend.name))
            classes: dict[str, str] = {}
            for threads in thread_counts(machine.cores()):
                for dtype in _DTYPES:
                    classes[f"{dtype}/{threads}"] = numeric_class(backend, dtype=dtype, threads=threads)
        except Exception as error:  # the top of a thread
            logger.exception("the self-test of the kernels failed; this node gets no training tasks")
            reason = f"{type(error).__name__}: {error}"
            self._loop.post(lambda: self._handler.self_test_failed(reason))
            return
        gpus = own_gpus()
        self._loop.post(lambda: self._scripts.found_gpus(gpus.for_jobs(self._config.labels.get("gpus", ""))))
        self._loop.post(lambda: self._handler.found_labels(gpus.labels))  # who knows the classes knows all labels, too
        self._loop.post(lambda: self._handler.self_test_done(classes))
        logger.info("kernels: %s; numeric classes %s", backend.name, classes)

    def _get_ready(self) -> None:
        """What takes longer than serving: first the kernels, which most work waits for."""
        self._load_kernels()
        self._scripts.open(self.identity)


def thread_counts(cores: int) -> list[int]:
    """The numbers of threads for a task that a node offers: powers of two up to its cores, and all of them."""
    return sorted({count for count in (1, 2, 4, 8, 16, 32, 64, 128) if count < cores} | {1, cores})


def check_device(device: str) -> None:
    """Raise TrainerError if the device needs something that is missing here."""
    if device in ("auto", "cpu"):
        return  # always there; found out later, because looking takes time
    try:
        get_backend(device)
    except ValueError as error:
        raise TrainerError(str(error)) from error
