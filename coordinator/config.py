"""What a coordinator is told when it starts, and the file that lists its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rpc.addresses import is_loopback
from rpc.errors import BadData
from rpc.run_spec import MAX_PRIORITY
from rpc.tls_options import TlsSettings
from rpc.trust import Trust


@dataclass(frozen=True, slots=True)
class Quotas:
    """Limits for each owner.

    Attributes:
        open_works: runs and jobs, each of an array counted, that wait or run at once; 0: any number.
        upload_bytes_per_hour: that one submitter's token may send; 0: any number.
        priority: the highest that a submitter may give; operators may give any.
    """

    open_works: int = 0
    upload_bytes_per_hour: int = 0
    priority: int = MAX_PRIORITY


@dataclass(frozen=True, slots=True)
class CoordinatorConfig:
    """Settings of one coordinator. Times in seconds.

    Attributes:
        nodes_file: where the nodes are listed; read again when it was edited.
        data_root: folders that the classic `train` call may name are below it.
        shares: weights of owners in the queue; who is not named has 1.
        data_dir: where blobs, and the store unless it is elsewhere, are kept; None: a temporary folder.
        memo_bytes: of disk for results that are known already.
        store: URL of a database; empty: a file in the data folder.
        store_wait_s: how long a coordinator that starts waits for a store that is down.
        max_running_per_owner: works of one owner that run at once; 0: any number.
        preempts: work of a higher priority may end script jobs of a lower one, which wait for another turn then.
        keep_events_days: how long ordinary events are kept.
        job_lease_s: how long a node goes on with a script job while it does not hear of the coordinator.
        keep_runs: how many runs that have ended are kept, with their files.
        require_tokens: who shows no token is refused, also on loopback.
        token_file: where the tokens of a first start are written; None: they are only printed.
        node_token: that listed nodes are shown; empty: none.
        tls: how what is served is secured.
        node_trust: whom listed nodes must be vouched for by; off: they are called without TLS.
        insecure: other machines are served without tokens.
        submits_per_minute: works that one token may hand in from other machines; 0: any number.
        quotas: what one owner may have of the coordinator besides.
    """

    port: int
    policy: str
    host: str = "127.0.0.1"
    nodes: tuple[tuple[str, int], ...] = ()
    nodes_file: Path | None = None
    data_root: Path = Path()
    data_dir: str | None = None
    store: str = ""
    store_wait_s: float = 60.0
    beat_s: float = 2.0
    lease_s: float = 10.0
    task_timeout_s: float = 3600.0
    job_lease_s: float = 60.0
    memo_bytes: int = 10**9
    shares: Mapping[str, float] = field(default_factory=dict)
    max_running_per_owner: int = 0
    preempts: bool = False
    keep_events_days: float = 30.0
    keep_runs: int = 10_000
    require_tokens: bool = False
    token_file: Path | None = None
    node_token: str = field(default="", repr=False)
    submits_per_minute: int = 30
    quotas: Quotas = Quotas()
    tls: TlsSettings = field(default_factory=TlsSettings)
    node_trust: Trust = field(default_factory=Trust)
    insecure: bool = False

    @property
    def demands_tokens(self) -> bool:
        """Whether callers must show a token."""
        return self.require_tokens or not (self.insecure or is_loopback(self.host))


def read_nodes(path: Path) -> tuple[tuple[str, int], ...]:
    """Return the addresses in a file with one `host,port` per line; empty lines and those with # are skipped.

    Raises:
        BadData: the file cannot be read, or a line is no address; says file:line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{path}: cannot read the list of nodes ({error}); give one with --nodes") from error
    nodes: list[tuple[str, int]] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            nodes.append(_address(text, f"{path}:{number}"))
            if nodes[-1] in nodes[:-1]:
                raise BadData(f"{path}:{number}: {text} is listed twice; remove one of the lines")
    return tuple(nodes)


def _address(text: str, where: str) -> tuple[str, int]:
    host, comma, port = (part.strip() for part in text.rpartition(","))
    if not (comma and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise BadData(f"{where}: {text!r} is not a node; write host,port as in 127.0.0.1,9091")
    return host, int(port)
