"""Tokens from the first start to their end: shown once, and cut off within 2 s once they are revoked or over."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from roundhouse import connect
from rpc.errors import ExitCode, TrainerError, Unauthenticated, Unreachable
from rpc.tokens import id_of
from tests.system.cluster import ROOT, Program, wait_until
from tests.system.guarded import Guarded

CUT_OFF_S = 2.0


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with Guarded(tmp_path_factory.mktemp("guarded")) as guarded:
        yield guarded


def test_the_first_start_shows_two_tokens_and_the_next_one_none(tmp_path: Path) -> None:
    arguments = ("--data-dir", str(tmp_path / "data"), "--require-tokens", "--http-port", "off")
    first = Program("coordinator.py", "0", *arguments).serve()
    try:
        shown = [first.next_line() for _ in range(3)][1:]
    finally:
        first.stop()
    assert [line.partition(", shown once: ")[0] for line in shown] == ["admin token", "join token for nodes"]
    admin = shown[0].partition("shown once: ")[2]
    again = Program("coordinator.py", "0", *arguments).serve()
    try:
        (tmp_path / "admin").write_text(admin)
        with connect(f"127.0.0.1:{again.port}", token_file=tmp_path / "admin") as session:
            assert session.link.greeted().role == "admin"
    finally:
        again.stop()
    assert [line for line in iter(again.next_line, "") if "rh_" in line] == []


def test_tokens_that_are_written_to_a_file_are_not_shown(tmp_path: Path) -> None:
    with Guarded(tmp_path) as guarded:
        file = tmp_path / "first.token"
        assert guarded.lines[2:] == [f"admin token: in {file}", f"join token for nodes: in {file}.join"]
        assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("first.token*")} == {0o600}
        join = (tmp_path / "first.token.join").read_text().strip()
        with guarded.session(join) as session:
            assert session.link.greeted().role == "node"


def test_where_the_file_cannot_be_written_no_token_is_made(tmp_path: Path) -> None:
    arguments = ("--data-dir", str(tmp_path / "data"), "--require-tokens", "--http-port", "off", "--token-file")
    command = [sys.executable, "coordinator.py", "0", *arguments, str(tmp_path / "missing" / "token")]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (
        said.returncode == ExitCode.FAILED and "missing/token: the token cannot be written: No such file" in said.stderr
    )
    first = Program("coordinator.py", "0", *arguments, str(tmp_path / "token")).serve()
    first.stop()
    assert (tmp_path / "token.join").read_text().startswith("rh_")


def test_a_coordinator_for_a_moment_on_loopback_makes_none(tmp_path: Path) -> None:
    program = Program("coordinator.py", "0")
    program.serve()
    program.stop()
    assert [line for line in iter(program.next_line, "") if "rh_" in line] == []


def cut_off_after(guarded: Guarded, token_id: str, work: Callable[[], object]) -> tuple[float, BaseException | None]:
    """How long `work`, which goes on in a thread, outlives the end of a token, in seconds, and what ends it."""
    ended: list[tuple[float, BaseException | None]] = []
    began = threading.Event()

    def go_on() -> None:
        began.set()
        try:
            work()
        except BaseException as error:
            ended.append((time.monotonic(), error))
        else:
            ended.append((time.monotonic(), None))

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    assert began.wait(10)
    thread.join(0.5)  # it is under way
    assert thread.is_alive(), ended
    revoked_at = time.monotonic()
    guarded.admin.revoke_token(token_id)
    thread.join(30)
    assert ended, "it goes on"
    return ended[0][0] - revoked_at, ended[0][1]


def test_a_long_poll_ends_when_its_token_is_revoked(guarded: Guarded) -> None:
    token, run = guarded.create("viewer"), guarded.run()
    with guarded.session(token.secret) as session:

        def poll() -> None:
            last = 0
            while True:  # there may be news meanwhile: that the run waits for a node
                last = max(last, session.link.call("watch", run, last, 60_000, waits_s=60.0).last)

        after_s, error = cut_off_after(guarded, token.id, poll)
    assert after_s < CUT_OFF_S and isinstance(error, Unreachable), error
    with pytest.raises(Unauthenticated, match="was revoked"):
        guarded.session(token.secret).link.open()


def test_whoever_follows_a_log_is_cut_off(guarded: Guarded) -> None:
    token, job = guarded.create("submitter", "ann"), guarded.job("ann")
    with guarded.session(token.secret) as session:
        after_s, error = cut_off_after(
            guarded, token.id, lambda: session.link.call("logs", job, 0, 1000, 60_000, waits_s=60.0)
        )
    assert after_s < CUT_OFF_S and isinstance(error, TrainerError), error


@pytest.mark.parametrize("stream", ["/jobs/{}/log/stream", "/jobs/{}/stream", "/events/stream"])
def test_a_stream_of_the_web_ends(stream: str, guarded: Guarded) -> None:
    token, job = guarded.create("submitter", "ann"), guarded.job("ann")
    headers = {"Authorization": f"Bearer {token.secret}"}
    with httpx.Client(base_url=guarded.url, timeout=30.0, headers=headers) as http:
        assert http.get("/api/v1/overview").status_code == 200  # the web may take two seconds to start

        def listen() -> None:
            with http.stream("GET", "/api/v1" + stream.format(job)) as answer:
                assert answer.status_code == 200
                for _ in answer.iter_lines():
                    pass

        after_s, error = cut_off_after(guarded, token.id, listen)
        # Broken off, since more would come: whoever asks again hears why.
        assert after_s < CUT_OFF_S and isinstance(error, httpx.RemoteProtocolError), error
        refused = http.get("/api/v1/overview")
        assert refused.status_code == 401 and refused.headers["www-authenticate"].startswith("Bearer")


def test_a_token_that_has_expired_is_cut_off_too(guarded: Guarded) -> None:
    run, last = guarded.run(), 0
    expires_ms = int(1000 * (time.time() + 1.5))
    token = guarded.admin.create_token("viewer", expires_ms=expires_ms)
    with guarded.session(token.secret) as session, pytest.raises(Unreachable):
        while True:  # there may be news meanwhile: that the run waits for a node
            last = max(last, session.link.call("watch", run, last, 60_000, waits_s=60.0).last)
    assert time.time() < expires_ms / 1000.0 + CUT_OFF_S
    with pytest.raises(Unauthenticated, match="has expired"):
        guarded.session(token.secret).link.open()


def test_who_revokes_its_own_token_is_answered_first(guarded: Guarded) -> None:
    token = guarded.create("admin")
    with guarded.session(token.secret) as session:
        assert session.revoke_token(token.id).revoked_ms > 0
        with pytest.raises(TrainerError):
            session.link.call("list_tokens")


def test_a_node_joins_with_its_token_and_goes_with_it(guarded: Guarded, tmp_path: Path) -> None:
    token = guarded.create("node")
    file = tmp_path / "node.token"
    file.write_text(token.secret)
    file.chmod(0o600)
    place = ("--join", f"127.0.0.1:{guarded.port}", "--name", "joined")

    def state() -> str:
        return next((row.state for row in guarded.admin.nodes() if row.name == "joined"), "")

    node = Program("compute_node.py", *place, "--token-file", str(file))
    try:
        wait_until(lambda: state() == "ready", "the node has joined")
        revoked_at = time.monotonic()
        guarded.admin.revoke_token(token.id)
        wait_until(lambda: state() == "lost", "the node is cut off")
        assert time.monotonic() - revoked_at < CUT_OFF_S
    finally:
        node.stop()


def test_a_node_without_a_token_does_not_join(guarded: Guarded) -> None:
    node = Program("compute_node.py", "--join", f"127.0.0.1:{guarded.port}", "--name", "stranger")
    try:
        wait_until(lambda: any("who asks" in line for line in node.stderr), "the node says why it is not let in")
        assert "stranger" not in {row.name for row in guarded.admin.nodes()}
    finally:
        node.stop()


def test_a_token_of_one_node_is_for_no_other(guarded: Guarded, tmp_path: Path) -> None:
    token = guarded.admin.create_token("node", node="node-of-somebody-else")
    environment = {"ROUNDHOUSE_TOKEN": token.secret}
    node = Program("compute_node.py", "--join", f"127.0.0.1:{guarded.port}", environment=environment)
    try:
        wait_until(lambda: any("for the node node-of-somebody-else" in line for line in node.stderr), "it is refused")
    finally:
        node.stop()


def test_a_node_that_listens_serves_who_shows_its_token(tmp_path: Path) -> None:
    file, wrong = tmp_path / "node.token", tmp_path / "wrong.token"
    with Guarded(tmp_path) as guarded:
        file.write_text(guarded.create("node").secret)
        wrong.write_text(guarded.create("node").secret)
    for path in (file, wrong):
        path.chmod(0o600)
    node = Program("compute_node.py", "0", "--token-file", str(file)).serve()
    try:
        nodes = tmp_path / "nodes.txt"
        nodes.write_text(f"127.0.0.1,{node.port}\n")
        for shown, state in ((("--node-token-file", str(wrong)), "connecting"), ((), "connecting"),
                             (("--node-token-file", str(file)), "ready")):  # fmt: skip
            coordinator = Program("coordinator.py", "0", "--nodes", str(nodes), *shown).serve()
            try:
                assert state_of_the_node(coordinator.port, state) == state
            finally:
                coordinator.stop()
    finally:
        node.stop()


def state_of_the_node(port: int, wanted: str) -> str:
    from roundhouse import connect

    with connect(f"127.0.0.1:{port}") as session:
        wait_until(
            lambda: session.nodes()[0].state == wanted and (wanted == "ready" or "token" in session.nodes()[0].reason),
            f"the node is {wanted}",
        )
        return session.nodes()[0].state


def test_no_program_tells_its_token_in_its_arguments_or_log(guarded: Guarded, tmp_path: Path) -> None:
    environ = {"ROUNDHOUSE_TOKEN": guarded.tokens["admin"], "XDG_CONFIG_HOME": str(tmp_path)}
    for words in (["status"], ["login", f"127.0.0.1:{guarded.port}"], ["token", "list"], ["audit", "--json"]):
        place = [] if words[0] == "login" else ["--server", f"127.0.0.1:{guarded.port}"]
        command = [sys.executable, "client.py", *words, *place, "--log-level", "debug"]
        ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=True)
        assert "rh_" not in ended.stdout + ended.stderr
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.parent.exists()]
    assert not any(token.encode() in line for line in lines for token in guarded.tokens.values() if token)


def test_a_schedule_knows_the_token_by_which_it_goes_on(guarded: Guarded) -> None:
    ann = guarded.create("submitter", "ann")
    with guarded.session(ann.secret) as session:
        made = session.add_schedule(guarded.job_spec("ann"), "@yearly")
    assert made.token == ann.id
    vouched = guarded.admin.order_schedule(made.id, "resume")
    assert vouched.token == id_of(guarded.first)
    guarded.admin.order_schedule(made.id, "remove")


def test_no_token_is_told_to_another_machine_without_tls(guarded: Guarded, tmp_path: Path) -> None:
    """`127.1` is this machine, but not as anybody would know before the name is looked up."""
    file = tmp_path / "token"
    file.write_text(guarded.first)
    here = f"127.1:{guarded.port}"
    status = [sys.executable, "client.py", "status", "--server", here, "--token-file", str(file)]
    said = subprocess.run(status, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert said.returncode != 0 and "the token was not told" in said.stderr and "Traceback" not in said.stderr
    node = Program("compute_node.py", "--join", here, "--token-file", str(file))
    try:
        wait_until(lambda: any("the token was not told" in line for line in node.stderr), "the node says so")
    finally:
        node.stop()
    web = Program("web.py", "--server", here, "--http-port", "0", "--require-tokens").serve()
    try:
        headers = {"Authorization": f"Bearer {guarded.first}"}
        answer = httpx.get(f"http://127.0.0.1:{web.port}/api/v1/jobs", headers=headers, timeout=30)
        assert answer.status_code == 401 and "the token was not told" in answer.text
    finally:
        web.stop()
