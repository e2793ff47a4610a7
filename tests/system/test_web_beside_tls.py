"""The web that a coordinator inside TLS starts beside itself does all that it does beside another one."""

from __future__ import annotations

from pathlib import Path

import httpx2 as httpx

from tests.system.cluster import Program
from tests.system.guarded import LISTED


def test_jobs_are_submitted_over_http_where_the_coordinator_serves_inside_tls(tmp_path: Path) -> None:
    nodes = tmp_path / "nodes.txt"
    nodes.write_text(LISTED.replace(":", ",") + "\n")
    place = ("--data-dir", str(tmp_path / "data"), "--nodes", str(nodes), "--http-port", "0")
    program = Program("coordinator.py", "0", "--tls", "auto", *place).serve()
    try:
        lines = iter(program.next_line, "")
        url = next(line for line in lines if line.startswith("web: ")).removeprefix("web: ")
        with httpx.Client(base_url=url, timeout=30.0) as http:
            started = http.post("/jobs", json={"code": "1"})
            assert started.status_code == 200, started.text
            assert http.get(f"/jobs/{started.json()['id']}").json()["status"] == "pending"
    finally:
        program.stop()
