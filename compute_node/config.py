"""What a compute node is told when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from compute_node import machine
from compute_node.cache import CacheSettings
from compute_node.scripts.settings import ScriptSettings
from rpc.tls_options import TlsSettings
from rpc.trust import Trust


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """Settings of one node.

    Attributes:
        port: to serve on.
        join: the coordinator to dial, in place of serving on a port.
        load_probability: 0..1; under load balancing the node declines tasks with it, under any policy it delays them.
        delay_s: how long such a delay is, in seconds.
        chaos_seed: of the coin for both.
        shard_cache_bytes: arrays of shards kept ready to train on.
        vector_bytes: models and deltas of rounds held in memory; half of what the machine has.
        orphan_grace_s: how long a task runs on whose connection has ended.
        labels: what its owner says of it, beside what is found out.
        key_file: who this node is; None: a file in the data folder.
        drain_grace_s: how long `leave` waits for what runs.
        exit_when_drained: end once the coordinator has drained this node.
        scripts: what is said of script jobs.
        data_dir: where blobs are kept; None: a temporary folder.
        cache: how much is kept there.
        tls: how a node that listens secures what it serves.
        trust: whom a coordinator that is joined must be vouched for by; off: it is called without TLS.
        token: shown to the coordinator that is joined; a node that listens serves whoever shows it; empty: anybody.
    """

    port: int = 0
    join: tuple[str, int] | None = None
    load_probability: float = 0.0
    host: str = "127.0.0.1"
    slots: int = 1
    name: str = ""
    device: str = "auto"
    delay_s: float = 3.0
    chaos_seed: int = 0
    shard_cache_bytes: int = 1 << 30
    vector_bytes: int = field(default_factory=lambda: machine.memory_bytes()[1] // 2)
    orphan_grace_s: float = 60.0
    labels: Mapping[str, str] = field(default_factory=dict)
    key_file: str | None = None
    drain_grace_s: float = 3.0
    exit_when_drained: bool = False
    scripts: ScriptSettings = field(default_factory=ScriptSettings)
    data_dir: str | None = None
    cache: CacheSettings = field(default_factory=CacheSettings)
    token: str = field(default="", repr=False)
    tls: TlsSettings = field(default_factory=TlsSettings)
    trust: Trust = field(default_factory=Trust)
