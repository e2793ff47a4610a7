"""`roundhouse demo`: a coordinator and nodes on this machine, and one training run through them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from coordinator.config import read_nodes
from roundhouse.programs import ServingProgram
from rpc.program import Parser, exit_status, set_up_logging

Address = tuple[str, int]

_HERE = Path(__file__).resolve().parent
_COORDINATOR: Address = ("127.0.0.1", 9095)
_NODES: tuple[Address, ...] = (("127.0.0.1", 9091), ("127.0.0.1", 9092), ("127.0.0.1", 9093))
_RUN = ("3", "75", "24", "0.0001")  # rounds, epochs, hidden units, eta
_CANCEL_S = 6.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit status of its client."""
    parser = Parser(
        "demo",
        description="Trains the letters on the nodes of compute_nodes.txt, started on this machine.",
        log_level="warning",
    )
    parser.add_common_options()
    args = parser.parse_args(argv)

    def body() -> int:
        set_up_logging(args.log_level, args.log_file)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        return _demo()

    return exit_status("demo", body)


def _demo() -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="roundhouse-demo-")))
        nodes = stack.enter_context(_serving("node", _listed_nodes(), folder))
        node_file = folder / "compute_nodes.txt"
        node_file.write_text("".join(f"{host},{port}\n" for host, port in nodes))
        options = ("load-balancing", "--nodes", str(node_file))
        coordinator = stack.enter_context(_serving("coordinator", [_COORDINATOR], folder, *options))
        host, port = coordinator[0]
        print(f"demo: {len(nodes)} nodes serve, the coordinator is {host}:{port}", file=sys.stderr)
        return _run_client(host, str(port), str(_letters()), *_RUN)


@contextmanager
def _serving(
    program: str, addresses: Iterable[Address], folder: Path, *options: str
) -> Iterator[list[Address]]:
    """Run one program per address, at a free port where the wanted one is taken; give where they serve."""
    started: list[ServingProgram] = []
    try:
        for number, (host, port) in enumerate(addresses, start=1):
            place = folder / f"{program}{number}"
            free = str(port if _is_free(host, port) else 0)
            arguments = (free, *options, "--host", host, "--data-dir", str(place))
            started.append(ServingProgram(program, *arguments, log=place.with_suffix(".log")))
        yield [each.address() for each in started]
    finally:
        for each in started:
            each.ask_to_stop()
        for each in started:
            each.wait()


def _run_client(*arguments: str) -> int:
    print("demo: client.py", *arguments, file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "roundhouse", "client", *arguments]
    # A session of its own: Ctrl-C reaches only us, and one SIGTERM makes the client cancel its run.
    client = subprocess.Popen(command, start_new_session=True)
    try:
        return client.wait()
    except KeyboardInterrupt:
        client.terminate()
        with suppress(subprocess.TimeoutExpired):
            client.wait(_CANCEL_S)
        raise
    finally:
        client.kill()


def _listed_nodes() -> tuple[Address, ...]:
    """Return the nodes of the checkout's compute_nodes.txt; an installed package uses the same three."""
    path = _HERE.parent / "compute_nodes.txt"
    return read_nodes(path) if path.exists() else _NODES


def _letters() -> Path:
    """Return the data: inside an installed package, beside it in a checkout."""
    installed = _HERE / "letters"
    path = installed if installed.is_dir() else _HERE.parent / "letters"
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _is_free(host: str, port: int) -> bool:
    try:
        socket.create_server((host, port)).close()
    except OSError:
        return False
    return True
