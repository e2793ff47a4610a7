"""One web server for all of these tests, before a real coordinator and a node; lazy senders keep it waiting."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from roundhouse import connect
from tests.system.besieged import Besieged
from tests.system.cluster import Cluster, Program
from tests.system.honest import Honest
from tests.web.hostile.lazy_senders import LazySenders
from tests.web.hostile.raw import request, say

_LINES = re.compile(r" WARNING rpc\.bad_peers: ")
_THREADS = 48  # 40 of those in which what blocks is asked
_CODE = "open('out/result.txt', 'w').write('what the job has left')"


class Web:
    """A web server that runs, with somebody honest who asks for /health; work: a run and a job that have ended.

    Attributes:
        canary: a file that nobody is to get, and its content.
    """

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.canary = folder / "canary.txt"
        self.secret = b"what nobody is to read here"
        self.canary.write_bytes(self.secret)
        with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
            job = session.submit_script(code=_CODE, sandbox="rlimits", name="left")
            self.job = job.id
            run = session.submit(Path("letters"), rounds=1, epochs=1, hidden=4, eta=0.0001)
            self.run = run.id
            for work in (job, run):
                work.wait(60.0)
        server = f"127.0.0.1:{cluster.coordinator.port}"
        self.program = Program("web.py", "--server", server, "--http-port", "0").serve()
        self.port = self.program.port
        for _ in range(50):  # what the first requests load is not to be taken for growth
            for target in (b"/api/v1/jobs", b"/openapi.json", b"/nothing", b"/jobs"):
                say(self.port, request(target=target))
        self.honest = Honest("web", str(self.port))
        self.lazy_senders = LazySenders(self.port)
        self.began = time.monotonic()

    def besieged(self, what: str) -> Besieged:
        return Besieged(f"web, {what}", self.program, self.honest, more_threads=_THREADS)


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("web")
    with Cluster(folder, nodes=1, node_arguments=("--allow-weak-sandbox",)) as cluster:
        web = Web(cluster, folder)
        try:
            with web.honest, web.lazy_senders:
                yield web
        finally:
            status = web.program.stop()
    assert status == 0
    assert [line for line in web.program.stderr if not _LINES.search(line)] == []
    assert len(web.program.stderr) <= 1 + (time.monotonic() - web.began) / 60, "one line a minute"
