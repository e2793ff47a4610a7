"""The table of all goals, contest by contest."""

from __future__ import annotations

from bench.goals import Bound, Figure, Goal, ratio, ratio_of_best, value, worst

_AT_MOST, _AT_LEAST = Bound.AT_MOST, Bound.AT_LEAST


def _core(work: str, threads: int, name: str, figure: str = "ms") -> str:
    return f"core/{work}/{threads}/{name}/{figure}"


def _faster(work: str, peer: str, ours: str = "roundhouse", threads: int = 1) -> tuple[str, str]:
    """How often we are done while the peer is done once: its time over ours."""
    return _core(work, threads, peer), _core(work, threads, ours)


def _of_peak(work: str, threads: int, ours: str = "roundhouse") -> tuple[str, str]:
    return _core(work, threads, ours, "gflops"), _core(work, threads, "limit", "gflops")


_IN_NUMPY = "roundhouse-numpy"

CORE = (
    Goal("A: time / JAX's", ratio(*_faster("A", "roundhouse", "jax")), _AT_MOST, 0.65, 0.50),
    Goal("A: share of the limit", ratio(*_faster("A", "limit")), _AT_LEAST, None, 0.70),
    Goal("A: speed / torch's", ratio(*_faster("A", "torch")), _AT_LEAST, 1.0),
    Goal("A: speed / compiled torch's", ratio(*_faster("A", "torch-compiled")), _AT_LEAST, 1.0),
    Goal("A: speed / scikit-learn's", ratio(*_faster("A", "scikit-learn")), _AT_LEAST, 1.0),
    Goal("A: speed / plain float64 NumPy's", ratio(*_faster("A", "numpy-float64")), _AT_LEAST, 3.0, 5.0),
    Goal("B: speed / JAX's", ratio(*_faster("B", "jax")), _AT_LEAST, 1.3, 1.6),
    Goal("B: speed / torch's", ratio(*_faster("B", "torch")), _AT_LEAST, 3.0),
    Goal("B: speed / plain float64 NumPy's", ratio(*_faster("B", "numpy-float64")), _AT_LEAST, 2.0, 4.0),
    Goal("C: share of sgemm's peak, 1 thread", ratio(*_of_peak("C", 1)), _AT_LEAST, 0.85, 0.92),
    Goal("C: share of sgemm's peak, 2 threads", ratio(*_of_peak("C", 2)), _AT_LEAST, 0.80, 0.90),
    Goal("C: speed / JAX's, 1 thread", ratio(*_faster("C", "jax")), _AT_LEAST, None, 1.0),
    Goal("C: speed / torch's, 1 thread", ratio(*_faster("C", "torch")), _AT_LEAST, None, 1.0),
    Goal("C: speed / scikit-learn's, 1 thread", ratio(*_faster("C", "scikit-learn")), _AT_LEAST, None, 1.0),
    Goal("C: speed / torch's, 2 threads", ratio(*_faster("C", "torch", threads=2)), _AT_LEAST, None, 1.0),
    Goal("C: speed / JAX's, 2 threads", ratio(*_faster("C", "jax", threads=2)), _AT_LEAST, None, 1.0),
    Goal("D: speed / JAX's, 1 thread", ratio(*_faster("D", "jax")), _AT_LEAST, 1.0, 1.1),
    Goal("D: speed / JAX's, 2 threads", ratio(*_faster("D", "jax", threads=2)), _AT_LEAST, None, 1.1),
    Goal("NumPy alone, A: time / JAX's", ratio(*_faster("A", _IN_NUMPY, "jax")), _AT_MOST, 0.70, 0.60),
    Goal("NumPy alone, B: speed / JAX's", ratio(*_faster("B", "jax", _IN_NUMPY)), _AT_LEAST, 1.05, 1.15),
    Goal("NumPy alone, C: share of sgemm's peak", ratio(*_of_peak("C", 1, _IN_NUMPY)), _AT_LEAST, 0.85, 0.92),
    Goal("NumPy alone, C: the same, 2 threads", ratio(*_of_peak("C", 2, _IN_NUMPY)), _AT_LEAST, 0.80, 0.90),
    Goal("NumPy alone, D: speed / JAX's", ratio(*_faster("D", "jax", _IN_NUMPY)), _AT_LEAST, 0.95),
    Goal("text to arrays, MB/s", value("core/text/roundhouse/MB/s"), _AT_LEAST, 150.0, 250.0),
)

_RAW, _TRANSPORT, _CALLS = "wire/raw_socket", "wire/transport", "wire/calls"


def _of_raw(size: str) -> Goal:
    figure = ratio(f"{_TRANSPORT}/{size}-GB/s", f"{_RAW}/{size}-GB/s")
    return Goal(f"transport / raw socket, {size}", figure, _AT_LEAST, 0.8, 1.0)


WIRE = (
    _of_raw("16-MiB"),
    _of_raw("100-MiB"),
    Goal("transport, CPU s per GB", value(f"{_TRANSPORT}/CPU-s/GB"), _AT_MOST, 0.6, 0.4, value(f"{_RAW}/CPU-s/GB")),
    Goal("transport over a Unix socket, 16 MiB, GB/s", value("wire/unix/16-MiB-GB/s"), _AT_LEAST, None, 4.0),
    Goal(
        "same / raw Unix socket",
        ratio("wire/unix/16-MiB-GB/s", "wire/raw_unix/16-MiB-GB/s"),
        _AT_LEAST,
        None,
        1.0,
    ),
    Goal("transport inside TLS, 16 MiB, GB/s", value("wire/tls/16-MiB-GB/s"), _AT_LEAST, 0.6, 1.0),
    Goal(
        "100-byte call / raw socket, minima",
        ratio_of_best(f"{_CALLS}/100-B-least-us", f"{_RAW}/100-B-least-us"),
        _AT_MOST,
        3.0,
        1.7,
    ),
    Goal(
        "calls / stock Thrift's, 100 MiB",
        ratio(f"{_CALLS}/100-MiB-GB/s", "wire/stock_thrift/100-MiB-GB/s"),
        _AT_LEAST,
        2.0,
        5.0,
    ),
)


_ON_ONE_HOST = "roundhouse_unix"


def _round(size: str, nodes: int, system: str = "roundhouse") -> str:
    return f"rounds/{size}/{nodes}/{system}/ms"


def _of_peer(size: str, nodes: int, peer: str) -> Figure:
    return ratio(_round(size, nodes), _round(size, nodes, peer))


def _memory(size: str, nodes: int) -> str:
    """At most (7 + log2 shards) models of 40 MB, and 80 MB."""
    return f"rounds/{size}/{nodes}/roundhouse/server-MB"


ROUNDS = (
    Goal("round of 1,058 weights, 2 nodes, ms", value(_round("1k", 2)), _AT_MOST, 0.8, 0.4),
    Goal("round of 1,058 weights, 8 nodes, ms", value(_round("1k", 8)), _AT_MOST, 2.0, 1.0),
    Goal("same, 2 nodes: time / Flower's fastest path", _of_peer("1k", 2, "flower_grpc"), _AT_MOST, 1 / 6),
    Goal("same, 8 nodes: time / Flower's fastest path", _of_peer("1k", 8, "flower_grpc"), _AT_MOST, 1 / 6),
    Goal("same, 2 nodes: time / Ray's", _of_peer("1k", 2, "ray_actors"), _AT_MOST, 1.0),
    Goal("same, 2 nodes: time / Dask's", _of_peer("1k", 2, "dask_cluster"), _AT_MOST, 1.0),
    Goal("same, 8 nodes: time / Ray's", _of_peer("1k", 8, "ray_actors"), _AT_MOST, 1.0),
    Goal("same, 8 nodes: time / Dask's", _of_peer("1k", 8, "dask_cluster"), _AT_MOST, 1.0),
    Goal("round of 100,001 weights, 8 nodes, ms", value(_round("100k", 8)), _AT_MOST, 6.0, 3.0),
    Goal("round of 10 M weights over TCP, 2 nodes, ms", value(_round("10M", 2)), _AT_MOST, 110.0, 60.0),
    Goal("round of 10 M weights over TCP, 8 nodes, ms", value(_round("10M", 8)), _AT_MOST, 400.0, 220.0),
    Goal("same, 2 nodes: time / Flower's fastest path", _of_peer("10M", 2, "flower_grpc"), _AT_MOST, 0.1),
    Goal("same, 8 nodes: time / Flower's fastest path", _of_peer("10M", 8, "flower_grpc"), _AT_MOST, 0.1),
    Goal("same over Unix sockets, 2 nodes, ms", value(_round("10M", 2, _ON_ONE_HOST)), _AT_MOST, None, 40.0),
    Goal("same over Unix sockets, 8 nodes, ms", value(_round("10M", 8, _ON_ONE_HOST)), _AT_MOST, None, 150.0),
    Goal(
        "same, 2 nodes: time / gloo's",
        ratio(_round("10M", 2, _ON_ONE_HOST), _round("10M", 2, "torch_gloo")),
        _AT_MOST,
        None,
        1.0,
    ),
    Goal(
        "same, 8 nodes: time / gloo's",
        ratio(_round("10M", 8, _ON_ONE_HOST), _round("10M", 8, "torch_gloo")),
        _AT_MOST,
        None,
        1.0,
    ),
    Goal("same, 2 nodes: the coordinator's memory, MB", value(_memory("10M", 2)), _AT_MOST, 8 * 40 + 80),
    Goal("same, 8 nodes: the coordinator's memory, MB", value(_memory("10M", 8)), _AT_MOST, 10 * 40 + 80),
)


def _inside_tls(size: str) -> Figure:
    return ratio(f"tls/{size}/2/roundhouse_tls/ms", f"tls/{size}/2/roundhouse/ms")


# Both ends of every connection are on one machine here: it encrypts and decrypts whatever is sent.
TLS = (
    Goal("round of 1,058 weights, 2 nodes: time inside TLS / without", _inside_tls("1k"), _AT_MOST, 2.0, 1.25),
    Goal("round of 100,001 weights, 2 nodes: the same", _inside_tls("100k"), _AT_MOST, 3.0, 2.0),
    Goal("round of 10 M weights, 2 nodes: the same", _inside_tls("10M"), _AT_MOST, 3.0, 2.0),
)

SCALE = (
    Goal("coordinator CPU us per task, 32 nodes", value("rounds/scale/32/CPU-us"), _AT_MOST, 90.0, 50.0),
    Goal("coordinator CPU us per task, 128 nodes", value("rounds/scale/128/CPU-us"), _AT_MOST, 90.0, 50.0),
    Goal("coordinator CPU us per task, 512 nodes", value("rounds/scale/512/CPU-us"), _AT_MOST, 90.0, 50.0),
    Goal("the same, 512 nodes / 32 nodes", ratio("rounds/scale/512/CPU-us", "rounds/scale/32/CPU-us"), _AT_MOST, 1.3),
    Goal("round of 1,000 tasks on 1,000 nodes, ms", value("rounds/scale/1000/ms"), _AT_MOST, 100.0, 50.0),
    Goal("10,000 tasks on 1,000 nodes, s", value("rounds/scale/1000/10-rounds-s"), _AT_MOST, 1.0, 0.5),
    Goal("nodes taken for dead among 1,000", worst("rounds/scale/1000/deaths"), _AT_MOST, 0.0),
    Goal("coordinator's growth over 10 rounds, MB", worst("rounds/scale/1000/growth-MB"), _AT_MOST, 5.0),
)

_LAUNCH, _TRAINING = "from-launch-s", "training-s"

LETTERS = (
    Goal("letters to 90 %, from launch, s", value(f"letters/roundhouse/{_LAUNCH}"), _AT_MOST, 2.5, 1.8),
    Goal("letters to 90 %, training only, s", value(f"letters/roundhouse/{_TRAINING}"), _AT_MOST, 0.4, 0.2),
    Goal(
        "from launch: time / PyTorch DDP's",
        ratio(f"letters/roundhouse/{_LAUNCH}", f"letters/torch_ddp/{_LAUNCH}"),
        _AT_MOST,
        1.0,
    ),
    Goal(
        "from launch: time / Flower's",
        ratio(f"letters/roundhouse/{_LAUNCH}", f"letters/flower_grpc/{_LAUNCH}"),
        _AT_MOST,
        1.0,
    ),
    Goal("two nodes / two independent processes", value("letters/two_nodes/share"), _AT_LEAST, 0.9, 1.0),
)

STARTUP = (
    Goal("a node serves, s from its launch", value("startup/node/s"), _AT_MOST, 0.7),
    Goal("the coordinator serves, s from its launch", value("startup/coordinator/s"), _AT_MOST, 1.0),
)

_FIRST_LINE, _JOB_END, _OF_MANY = "first-line-p50-ms", "end-p50-ms", "of-many-ms"


def _job(figure: str, system: str = "roundhouse") -> str:
    return f"jobs/{system}/{figure}"


def _job_of_peer(figure: str, peer: str) -> Figure:
    return ratio(_job(figure), _job(figure, peer))


JOBS = (
    Goal("a job's first line, 99 of 100, ms", value(_job("first-line-p99-ms")), _AT_MOST, 300.0, 100.0),
    Goal("a job's end, 99 of 100, ms", value(_job("end-p99-ms")), _AT_MOST, 400.0, 150.0),
    Goal("short jobs through 4 nodes, jobs/s", value(_job("of-many-jobs/s")), _AT_LEAST, 10.0, 30.0),
    Goal("a job's first line: time / Ray Jobs'", _job_of_peer(_FIRST_LINE, "ray_jobs"), _AT_MOST, 1.0, 0.1),
    Goal("a job's end: time / Ray Jobs'", _job_of_peer(_JOB_END, "ray_jobs"), _AT_MOST, 1.0, 0.1),
    Goal("one of many jobs: time / Ray Jobs'", _job_of_peer(_OF_MANY, "ray_jobs"), _AT_MOST, 1.0, 0.1),
    # RQ's jobs are not kept apart from the machine, and what they say and how they end is in memory alone.
    Goal("a job's first line: time / RQ's", _job_of_peer(_FIRST_LINE, "rq"), _AT_MOST, None, 1.5),
    Goal("one of many jobs: time / RQ's", _job_of_peer(_OF_MANY, "rq"), _AT_MOST, None, 1.0),
    Goal("a line from a job to its client, ms", value(_job("log-p50-ms")), _AT_MOST, 20.0, 5.0),
    Goal("the coordinator's memory, MB", value(_job("coordinator-peak-MB")), _AT_MOST, 150.0, 100.0),
)
