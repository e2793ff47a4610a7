"""What a second node is worth: a run on one node and on two, beside two processes that know nothing of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.contestant import Figures, Run, serve
from bench.letters.alone import EPOCHS, ETA, ROUNDS
from bench.letters.target import BATCH, LAYERS, SEED, write_two_shards
from bench.programs import line_of, node_list, port_of, running
from roundhouse import connect


@contextmanager
def contestant() -> Iterator[Run]:
    with ExitStack() as stack:
        data = write_two_shards(Path(stack.enter_context(TemporaryDirectory(prefix="roundhouse-bench-"))) / "letters")
        by_one, by_two = (stack.enter_context(cluster(nodes, data)) for nodes in (1, 2))

        def run() -> Figures:
            one, two = by_one(), by_two()
            one_process, two_processes = alone(data, "01"), alone(data, "0", "1")
            gain, possible = one / two, one_process / two_processes
            return {"one-node-s": one, "two-nodes-s": two, "gain": gain, "possible": possible, "share": gain / possible}

        run()
        yield run


@contextmanager
def cluster(nodes: int, data: Path) -> Iterator[Callable[[], float]]:
    """Start nodes and a coordinator; give what trains and returns the seconds of the run."""
    with ExitStack() as stack:
        ports = [port_of(stack.enter_context(running("compute_node.py", "0"))) for _ in range(nodes)]
        listed = data.parent / f"nodes{nodes}.txt"
        listed.write_text(node_list(ports))
        coordinator = stack.enter_context(running("coordinator.py", "0", "--nodes", str(listed), "--memo-size", "0"))
        session = stack.enter_context(connect(f"127.0.0.1:{port_of(coordinator)}"))

        def train() -> float:
            run = session.submit(
                data, rounds=ROUNDS, epochs=EPOCHS, hidden=LAYERS[1], eta=ETA,
                optimizer="sgd", batch_size=BATCH, standardize=True, seed=SEED,
            )  # fmt: skip
            return run.wait(timeout_s=100).seconds

        yield train


def alone(data: Path, *shards: str) -> float:
    """Seconds until processes that know nothing of each other, one for each argument, have trained their shards."""
    with ExitStack() as stack:
        command = ("-m", "bench.letters.alone", str(data))
        processes = [stack.enter_context(running(*command, each)) for each in shards]
        return max(float(line_of(process)) for process in processes)


if __name__ == "__main__":
    serve(contestant())
