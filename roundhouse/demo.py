"""`roundhouse demo`: a coordinator and nodes on this machine, and one training run through them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from coordinator.config import read_nodes
from roundhouse.programs import ServingProgram, without_tokens
from rpc.errors import TrainerError
from rpc.program import Parser, exit_status, set_up_logging

Address = tuple[str, int]

_HERE = Path(__file__).resolve().parent
_LOOPBACK = "127.0.0.1"
_COORDINATOR_PORT = 9095
_NODE_PORTS = [9091, 9092, 9093]  # where there is no compute_nodes.txt
_RUN = ("3", "75", "24", "0.0001")  # rounds, epochs, hidden units, eta
_CANCEL_S = 6.0


def main(argv: Sequence[str] | None = None, *, run: Sequence[str] = _RUN) -> int:
    """Run the demo; return the exit status of its client."""
    parser = Parser(
        "demo",
        description="Trains the letters on as many nodes as compute_nodes.txt lists, all on this machine.",
        log_level="warning",
    )
    parser.add_common_options()
    args = parser.parse_args(argv)

    def body() -> int:
        set_up_logging(args.log_level, args.log_file)
        # The programs have sessions of their own, so that the end of the terminal's would leave them behind.
        for name in {"SIGTERM", "SIGHUP"} & {*dir(signal)}:
            signal.signal(getattr(signal, name), signal.default_int_handler)
        return _demo(run)

    return exit_status("demo", body)


def _demo(run: Sequence[str]) -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="roundhouse-demo-")))
        nodes = stack.enter_context(_serving("node", _node_ports(), folder))
        node_file = folder / "compute_nodes.txt"
        node_file.write_text("".join(f"{host},{port}\n" for host, port in nodes))
        options = ("load-balancing", "--nodes", str(node_file), "--http-port", "off")
        coordinator = stack.enter_context(_serving("coordinator", [_COORDINATOR_PORT], folder, *options))
        host, port = coordinator[0]
        print(f"demo: {len(nodes)} nodes serve, the coordinator is {host}:{port}", file=sys.stderr)
        return _run_client(host, str(port), str(_letters()), *run)


@contextmanager
def _serving(program: str, ports: Iterable[int], folder: Path, *options: str) -> Iterator[list[Address]]:
    """Run one program per port, at a free one where the wanted one is taken; give where they serve."""

    def start(number: int, port: int) -> ServingProgram:
        place = folder / f"{program}{number}"
        arguments = (str(port), *options, "--host", _LOOPBACK, "--data-dir", str(place))
        return ServingProgram(program, *arguments, log=place.with_suffix(".log"))

    wanted = [port if _is_free(port) else 0 for port in ports]
    started: list[ServingProgram] = []
    try:
        started += (start(number, port) for number, port in enumerate(wanted, start=1))
        yield [_address(started, index, start) for index in range(len(started))]
    finally:
        for each in started:
            each.ask_to_stop()
        for each in started:
            each.wait()


def _address(started: list[ServingProgram], index: int, start: Callable[[int, int], ServingProgram]) -> Address:
    """Where a program serves; one that has ended is started at a free port: somebody took its own a moment ago."""
    try:
        return started[index].address()
    except TrainerError:
        started[index].wait()
        started[index] = start(index + 1, 0)
        return started[index].address()


def _run_client(*arguments: str) -> int:
    print("demo: client.py", *arguments, file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "roundhouse", "client", *arguments]
    # A session of its own: Ctrl-C reaches only us, and one SIGTERM makes the client cancel its run.
    client = subprocess.Popen(command, start_new_session=True, env=without_tokens(os.environ))
    try:
        return client.wait()
    except KeyboardInterrupt:
        client.terminate()
        with suppress(subprocess.TimeoutExpired):
            client.wait(_CANCEL_S)
        raise
    finally:
        client.kill()


def _node_ports() -> list[int]:
    """Return the ports that the checkout's compute_nodes.txt lists, 0 for one that stands there before."""
    path = _HERE.parent / "compute_nodes.txt"
    listed = [port for _, port in read_nodes(path)] if path.exists() else []
    ports = listed or _NODE_PORTS
    return [0 if port in ports[:index] else port for index, port in enumerate(ports)]


def _letters() -> Path:
    """Return the data: inside an installed package, beside it in a checkout."""
    installed = _HERE / "letters"
    path = installed if installed.is_dir() else _HERE.parent / "letters"
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _is_free(port: int) -> bool:
    try:
        socket.create_server((_LOOPBACK, port)).close()
    except OSError:
        return False
    return True
