"""Jobs that print as much as they can: node and coordinator stay small, heartbeats on time, other jobs' logs quick.

FLOOD_SHARE (0.1) is how much of 1 GB without a line break and of 5 million lines is printed; `make stubborn` takes all.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from threading import Event, Thread

import psutil
import pytest

from roundhouse import Session, connect
from tests.compute_node.scripts.conftest import need
from tests.system.cluster import Cluster, Program

SHARE = float(os.environ.get("FLOOD_SHARE", "0.1"))
MIB = 1 << 20
BEAT_S = 2.0
LATE_S = 2.0  # that a heartbeat may be late: one beat
FLOODS = {
    "a line without end": f"import os\nfor _ in range({int(1024 * SHARE)}): os.write(1, b'x' * (1 << 20))\n",
    "lines": f"import os\nfor _ in range({int(2000 * SHARE)}): os.write(1, b'a line of output\\n' * 2500)\n",
}
TICKING = "import time\nwhile True: print(time.time(), flush=True); time.sleep(0.2)\n"


class Watched:
    """How large programs get, and how old a node's last heartbeat gets, looked at until `end`."""

    def __init__(self, programs: list[Program], session: Session) -> None:
        self._processes = [psutil.Process(each.process.pid) for each in programs]
        self._session = session
        self._is_over = Event()
        self.before = self.most = self._sizes()
        self.oldest_s = 0.0
        self._thread = Thread(target=self._look)
        self._thread.start()

    def _sizes(self) -> list[int]:
        return [process.memory_info().rss for process in self._processes]

    def _look(self) -> None:
        while not self._is_over.wait(0.1):
            self.most = [max(pair) for pair in zip(self.most, self._sizes(), strict=True)]
            (node,) = self._session.nodes()
            self.oldest_s = max(self.oldest_s, time.time() - node.heard_ms / 1000.0)

    def end(self) -> list[int]:
        """How much larger each has been than at first, in bytes."""
        self._is_over.set()
        self._thread.join()
        return [most - before for most, before in zip(self.most, self.before, strict=True)]


@pytest.mark.parametrize("kind", FLOODS)
@pytest.mark.timeout(600)
def test_a_flood_is_borne(tmp_path: Path, kind: str) -> None:
    need("bwrap")
    with Cluster(tmp_path, nodes=1, node_arguments=("--slots", "2")) as cluster:
        server = f"127.0.0.1:{cluster.coordinator.port}"
        with connect(server) as session, connect(server) as beside, connect(server) as reading:
            session.submit_script(code="print('warm')").wait(60.0)
            ticking = reading.submit_script(code=TICKING, timeout_s=900.0)
            lateness: list[float] = []

            def read() -> None:
                lateness.extend(
                    time.time() - float(record.text) for record in ticking.logs(follow=True) if record.stream == "o"
                )

            reader = Thread(target=read)
            reader.start()
            watched = Watched([cluster.coordinator, cluster.nodes[0]], beside)
            try:
                session.submit_script(code=FLOODS[kind], timeout_s=500.0).wait(500.0)
            finally:
                grown = watched.end()
                session.cancel_jobs([ticking.id])
                reader.join(30)
    late = sorted(lateness)
    print(
        f"{kind}: coordinator and node grew by {[size // MIB for size in grown]} MiB, a heartbeat was "
        f"{watched.oldest_s:.1f} s old, log p99 {late[len(late) * 99 // 100]:.2f} s"
    )
    assert max(grown) <= 32 * MIB
    assert watched.oldest_s <= BEAT_S + LATE_S
    assert late[len(late) * 99 // 100] <= 1.0
