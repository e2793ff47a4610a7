"""A coordinator that demands tokens, with its web server, and callers of every role."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from client.access import Access
from client.api import Session
from client.keys import new_key
from client.link import Link
from rpc.messages import ScriptSpec, Token
from tests.system.cluster import Program

LISTED = "127.0.0.1:1"  # a node that nobody reaches
# By name: role and owner of its token. All work that they are asked about is ann's.
CALLERS: Mapping[str, tuple[str, str]] = {
    "none": ("", ""),
    "viewer": ("viewer", ""),
    "other": ("submitter", "bob"),
    "owner": ("submitter", "ann"),
    "operator": ("operator", ""),
    "admin": ("admin", ""),
    "node": ("node", ""),
}


class Guarded:
    """A context manager. Attributes: port; url, of the web; admin, a session of an admin; tokens, of all callers."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        nodes = folder / "nodes.txt"
        nodes.write_text(LISTED.replace(":", ",") + "\n")
        self.data, self._first = folder / "data", folder / "first.token"
        self._arguments = (
            *("--data-dir", str(self.data), "--nodes", str(nodes), "--require-tokens", "--http-port", "0"),
            *("--token-file", str(self._first), *arguments),
        )
        self.program = Program("coordinator.py", "0", *self._arguments)
        self.tokens: dict[str, str] = {"none": ""}
        self.made: list[Token] = []

    def __enter__(self) -> Self:
        self.port = self.program.serve().port
        self.lines = [self.program.next_line() for _ in range(4)]
        self.url = self.lines[1].removeprefix("web: ")
        self.first = self._first.read_text().strip()
        self.admin = self.session(self.first)
        for name, (role, owner) in CALLERS.items():
            if role:
                self.tokens[name] = self.create(role, owner).secret
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.admin.close()
        self.program.stop()

    def create(self, role: str, owner: str = "") -> Token:
        """Make a token."""
        made = self.admin.create_token(role, owner=owner, name="test")
        self.made.append(made)
        return made

    def session(self, token: str) -> Session:
        """A session of whoever has this token; closed by the caller."""
        return Session(Link("127.0.0.1", self.port, timeout_s=30.0, patience_s=0.0, access=Access(token)))

    def job(self, owner: str = "ann") -> str:
        """The id of a new job, which waits for a node that does not come."""
        return self.admin.start_script(self.job_spec(owner)).id

    def job_spec(self, owner: str = "ann") -> ScriptSpec:
        """What is asked for to have one; its files are here."""
        job = self.admin.submit_script(code="print('hello')", owner=owner, force_queue=True, key=new_key())
        return job.spec()

    def run(self, owner: str = "ann") -> str:
        """The id of a new run, which waits as well."""
        path = self.data.parent / "toy"
        if not path.exists():
            path.mkdir()
            for name in ("train_toy1", "validate_toy"):
                (path / f"{name}.txt").write_text("1,2,0\n3,4,1\n")
        return self.admin.submit(path, rounds=1, epochs=1, hidden=2, eta=0.1, owner=owner, force_queue=True).id
