"""Work of all kinds, for pages to show: runs and jobs that have ended, that run, that wait, and a drained node."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Unpack

from client.runs import Run
from client.settings import Settings, make_spec
from client.upload import find_data
from roundhouse import Session
from tests.system.cluster import LETTERS, wait_until

TRAINS = """
import json, math, random, sys, time
random.seed(1)
print("reading 3 files")
for step in range(1, 61):
    loss, accuracy = 2.3 * math.exp(-step / 15) + random.random() / 20, 1 - 0.9 * math.exp(-step / 20)
    print("PROGRESS: " + json.dumps({"step": step, "loss": loss, "accuracy": accuracy}), flush=True)
    print(f"epoch {step}: {100 * step} rows", flush=True)
    if step % 20 == 0:
        print(f"WARNING: the learning rate falls to {0.1 / step:.4f}", file=sys.stderr, flush=True)
    time.sleep(float(sys.argv[1]))
open("out/weights.bin", "wb").write(bytes(20000))
open("out/report.txt", "w").write("accuracy 0.95\\n")
"""
FAILS = "print('reading the table')\nraise ValueError('column price is missing in row 17')\n"
SWEEPS = """
import os, sys
index = int(os.environ["ROUNDHOUSE_ARRAY_INDEX"])
print(f"rate {0.01 * index:.2f}")
sys.exit(index % 11 == 0)
"""


@dataclass(frozen=True)
class Scene:
    """Ids of what is there."""

    runs: tuple[str, ...]
    running: str
    jobs: tuple[str, ...]
    talking: str
    array: str


def start(session: Session, name: str, rounds: int, hidden: int, **settings: Unpack[Settings]) -> Run:
    """Start a run on the letters under a name of its own."""
    settings["optimizer"] = "sgd"
    spec = make_spec(LETTERS, rounds=rounds, epochs=2, hidden=hidden, eta=0.05, **settings)
    return session.start(replace(session.send_data(spec, find_data(LETTERS)), name=name))


def set_up(session: Session, *, drains: str = "") -> Scene:
    """Start all of it, and return once what ends has ended."""
    runs = [
        start(session, "letters, narrow", 30, 24),
        start(session, "letters, wide", 30, 96),
        start(session, "letters, wide, smoothed", 30, 96, label_smoothing=0.1, seed=2),
    ]
    for run in runs:
        run.wait(120)
    jobs = [
        session.submit_script(code=TRAINS, arguments=["0.02"], name="tabular baseline"),
        session.submit_script(code=FAILS, name="nightly import"),
        session.submit_script(code="print(6 * 7)", name="arithmetic"),
    ]
    array = session.submit_script(code=SWEEPS, name="sweep of rates", array="1-24")
    wait_until(lambda: all(job.detail().row.ended_ms for job in [*jobs, array]), "the jobs end", 120)
    if drains:
        session.order_node(drains, "drain", "new disk on Tuesday")
    running = start(session, "letters, long", 3000, 96)
    talking = session.submit_script(code=TRAINS, arguments=["1"], name="a job that talks", timeout_s=600)
    start(session, "letters, for nine nodes", 5, 8, min_nodes=9, force_queue=True)
    wait_until(
        lambda: running.detail().row.round > 12 and talking.detail().row.state == "running", "work is under way", 120
    )
    return Scene(tuple(run.id for run in runs), running.id, tuple(job.id for job in jobs), talking.id, array.id)
