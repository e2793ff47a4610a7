"""Tokens and TLS for real: two commands let a client and a node in, nobody else gets in, and the bits are the same."""

from __future__ import annotations

import json
import os
import shlex
import ssl
import subprocess
import sys
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from rpc.errors import ExitCode
from rpc.own_certificates import fingerprint_of, own_certificates
from tests.system.cluster import LETTERS, ROOT, Cluster, Outcome, Program, finish, wait_until


class Secured:
    """A coordinator inside TLS that demands tokens, two nodes that have joined, and the memory of one user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tokens = folder / "token"
        self.coordinator = Program(
            "coordinator.py", "0", "--http-port", "0", "--memo-size", "0", "--data-dir", str(folder / "kept"),
            "--tls", "auto", "--require-tokens", "--token-file", str(self.tokens),
        ).serve()  # fmt: skip
        self.web = next(line for _ in range(3) if (line := self.coordinator.next_line()).startswith("web: "))
        self.server = f"127.0.0.1:{self.coordinator.port}"
        self.fingerprint = fingerprint_of((folder / "kept" / "tls" / "authority.pem").read_bytes())
        self.nodes: list[Program] = []

    def client(self, *words: str, user: str = "admin", **variables: str) -> Outcome:
        environment = os.environ | {"XDG_CONFIG_HOME": str(self.folder / user), **variables}
        command = [sys.executable, "client.py", *words]
        return finish(
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )

    def train(self, *words: str, user: str = "admin") -> Outcome:
        run = ("127.0.0.1", str(self.coordinator.port), str(LETTERS), "3", "2", "20", "0.001", "--quiet")
        return self.client(*run, *words, user=user)

    def add_node(self, *options: str) -> None:
        """What is printed for a new machine is run there."""
        said = self.client("join-command")
        assert said.status == 0, said
        setting, _, *words = shlex.split(said.stdout)
        name, _, value = setting.partition("=")
        node = Program(*words, *options, environment={name: value})
        assert " joins the coordinator at " in node.next_line()
        self.nodes.append(node)

    def close(self) -> None:
        for program in (*self.nodes, self.coordinator):
            program.stop()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    cluster = Secured(tmp_path_factory.mktemp("secured"))
    try:
        login = ("login", cluster.server, "--tls-fingerprint", cluster.fingerprint)
        assert cluster.client(*login, "--token-file", str(cluster.tokens)).status == 0
        cluster.add_node()
        cluster.add_node()
        wait_until(lambda: cluster.client("nodes", "list").stdout.count(" ready ") == 2, "both nodes")
        yield cluster
    finally:
        cluster.close()


def test_training_gives_the_same_bits_as_without(secured: Secured, tmp_path: Path) -> None:
    with Cluster(tmp_path, nodes=2) as plain:
        expected = plain.train("3", "2", "20", "0.001", "--quiet")
    assert secured.train().sha256 == expected.sha256


def test_who_does_not_speak_tls_is_told_what_to_do(secured: Secured) -> None:
    refused = secured.client("status", "--server", secured.server, user="nobody")
    assert refused.status == ExitCode.UNREACHABLE
    assert "if it serves inside TLS, `client.py login`" in refused.stderr


def test_who_shows_no_token_is_told_what_to_do(secured: Secured) -> None:
    trusting = ("--tls-ca", str(secured.folder / "kept" / "tls" / "authority.pem"))
    refused = secured.client("status", "--server", secured.server, *trusting, user="nobody")
    assert refused.status == ExitCode.REFUSED
    assert "show a token" in refused.stderr


def test_another_fingerprint_is_refused_before_the_token_is_shown(secured: Secured) -> None:
    login = ("login", secured.server, "--tls-fingerprint", "00" * 32, "--token-file", str(secured.tokens))
    refused = secured.client(*login, user="nobody")
    assert refused.status == ExitCode.REFUSED
    assert "it is another server than was meant" in refused.stderr


def test_a_job_and_its_log_pass_as_well(secured: Secured) -> None:
    done = secured.client("submit", "print('inside')", "--follow", "--sandbox", "bwrap")
    assert (done.status, done.stdout.splitlines()[0]) == (0, "inside"), done


def test_the_web_of_a_coordinator_inside_tls_reaches_it(secured: Secured) -> None:
    token = secured.tokens.read_text().strip()
    url = f"{secured.web.removeprefix('web: ')}/api/v1/nodes"
    wait_until(lambda: status_of(url, token) == 200, "the web")
    assert status_of(url, "") == 401


def test_a_web_of_its_own_speaks_tls_on_both_sides(secured: Secured, tmp_path: Path) -> None:
    made = own_certificates(tmp_path / "web", ("127.0.0.1",))
    serving = ("--http-tls-cert", str(made.certificate), "--http-tls-key", str(made.key), "--require-tokens")
    trusting = ("--server", secured.server, "--tls-fingerprint", secured.fingerprint)
    web = Program("web.py", "--http-port", "0", *trusting, *serving)
    try:
        url = web.next_line().partition(" serves on ")[2].split()[0]
        assert url.startswith("https://127.0.0.1:")
        token, context = secured.tokens.read_text().strip(), ssl.create_default_context(cafile=made.authority)
        assert status_of(f"{url}/api/v1/nodes", token, context) == 200
        assert status_of(f"{url}/api/v1/nodes", "", context) == 401
    finally:
        web.stop()


def status_of(url: str, token: str, context: ssl.SSLContext | None = None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urlopen(Request(url, headers=headers), context=context, timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def test_a_node_that_listens_is_called_inside_tls_with_its_token(tmp_path: Path) -> None:
    made = own_certificates(tmp_path / "node", ("127.0.0.1",))
    token = tmp_path / "token"
    plain = Program("coordinator.py", "0", "--http-port", "off", "--data-dir", str(tmp_path / "made")).serve()
    server = f"127.0.0.1:{plain.port}"
    created = subprocess.run(
        [sys.executable, "client.py", "token", "create", "--role", "node", "--json", "--server", server],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    plain.stop()
    token.write_text(created.stdout.partition('"secret": "')[2].partition('"')[0])
    token.chmod(0o600)
    secured = ("--tls-cert", str(made.certificate), "--tls-key", str(made.key), "--token-file", str(token))
    node = Program("compute_node.py", "0", *secured).serve()
    listed = tmp_path / "nodes.txt"
    listed.write_text(f"127.0.0.1,{node.port}\n")
    trusting = ("--node-ca", str(made.authority), "--node-token-file", str(token), "--memo-size", "0")
    coordinator = Program("coordinator.py", "0", "--nodes", str(listed), "--http-port", "off", *trusting).serve()
    try:
        command = [
            sys.executable,
            "client.py",
            "127.0.0.1",
            str(coordinator.port),
            str(LETTERS),
            "1",
            "1",
            "5",
            "0.001",
        ]
        done = subprocess.run([*command, "--quiet"], cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done
    finally:
        for program in (node, coordinator):
            program.stop()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("coordinator.py", "0", "--host", "0.0.0.0", "--http-port", "off"), "--tls auto; 2. `client.py join-command`"),
        (("coordinator.py", "0", "--http-host", "0.0.0.0", "--http-port", "0"), "--http-host 0.0.0.0 lets other"),
        (("compute_node.py", "0", "--host", "::"), "--token-file FILE --tls-cert FILE; 2. start the coordinator with"),
    ],
)
def test_nobody_serves_other_machines_by_accident(command: tuple[str, ...], words: str) -> None:
    refused = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert refused.returncode == ExitCode.REFUSED
    assert words in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_the_doctor_finds_all_well_inside_tls_and_says_what_a_stranger_lacks(secured: Secured) -> None:
    found = {
        each["about"]: each
        for all_of in json.loads(secured.client("doctor", "--json").stdout).values()
        for each in all_of
    }
    assert found["TLS"]["text"].startswith("TLSv1.3, vouched for by whom you trust")
    assert found["token"]["text"].endswith("of `login`: admin") and "2 ready" in found["nodes"]["text"]
    assert found["script jobs"]["level"] == found["clock"]["level"] == "ok"
    stranger = secured.client("doctor", "--server", secured.server, user="nobody")
    assert stranger.status == ExitCode.FAILED
    assert "it serves inside TLS, and is called without" in stranger.stdout and "--tls-fingerprint" in stranger.stdout


def test_the_doctor_tells_a_revoked_token_and_another_server_apart(secured: Secured, tmp_path: Path) -> None:
    made = json.loads(secured.client("token", "create", "--role", "viewer", "--json").stdout)
    file = tmp_path / "token"
    file.write_text(made["secret"])
    file.chmod(0o600)
    called = ("doctor", "--server", secured.server, "--token-file", str(file), "--tls-fingerprint")
    assert f"{made['id']} of {file}: viewer" in secured.client(*called, secured.fingerprint, user="nobody").stdout
    assert secured.client("token", "revoke", made["id"]).status == ExitCode.DONE
    revoked = secured.client(*called, secured.fingerprint, user="nobody")
    assert revoked.status == ExitCode.FAILED and f"the token {made['id']} was revoked" in revoked.stdout
    other = secured.client(*called, 64 * "0", user="nobody")
    assert other.status == ExitCode.FAILED and "it is another server than was meant" in other.stdout
    assert made["secret"] not in revoked.stdout + other.stdout


def test_a_dump_of_a_secured_cluster_holds_none_of_its_secrets(secured: Secured, tmp_path: Path) -> None:
    out, canary = tmp_path / "dump.zip", "canary-of-a-job"
    job = secured.client(
        "submit", "-c", f"raise ValueError('{canary}')", "--name", canary, "--env", f"A={canary}", "--arg", canary,
        "--key", canary, "--wait",
    )  # fmt: skip
    assert "ValueError" in job.stderr, job
    hook = secured.client("webhooks", "add", f"http://127.0.0.1:1/{canary}", "--json")
    assert secured.client("debug-dump", "--out", str(out)).status == ExitCode.DONE
    secrets = [canary, secured.tokens.read_text().strip(), json.loads(hook.stdout)["secret"]]
    with zipfile.ZipFile(out) as packed:
        texts = {name: packed.read(name).decode() for name in packed.namelist()}
    assert job.stdout.strip() in texts["work.json"] and job.stdout.strip() in texts["events.json"]
    for secret in secrets:
        coded = b64encode(secret.encode()).decode().rstrip("=")[:-1]
        assert [name for name, text in texts.items() if secret in text or coded in text] == []
