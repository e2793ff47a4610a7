"""Images that jobs run in: what is here, or is pulled or built where the node's owner allows it, and its Python."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from docker.errors import ImageNotFound

from compute_node.scripts import engine
from compute_node.scripts.building import Builder
from compute_node.scripts.cage import NotStarted
from compute_node.scripts.engine_work import work
from compute_node.scripts.interpreters import Interpreter, interpreter_of_an_image
from compute_node.scripts.levels import Pull, is_by_digest
from compute_node.scripts.stopping import StopSign
from rpc.errors import BadRequest, RejectReason, SetupFailed, TaskRejected

_PULL_S = 1800.0

Say = Callable[[str], None]  # tells the job's user


class Images:
    """Those of one engine; several threads may use it."""

    def __init__(self, url: str, pull: Pull, builder: Builder) -> None:
        self._url = url
        self._pull = pull
        self._builder = builder
        self._interpreters: dict[str, Interpreter] = {}  # by id

    def interpreter(self, name: str, say: Say, stop: StopSign) -> Interpreter:
        """The Python of an image, which is there for sure when this returns.

        Raises:
            TaskRejected: the image is not here, and the node's owner lets none be pulled.
            SetupFailed: the engine does not answer, or cannot pull the image.
            BadRequest: the image has no Python.
            Cancelled: `stop` was given meanwhile.
        """
        try:
            with closing(engine.connect(self._url)) as api:
                image = self._found(api, name, say, stop)
        except (NotStarted, *engine.FAILURES) as error:
            raise SetupFailed(f"image {name}: {engine.words(error)}") from error
        if image not in self._interpreters:
            ended = self._builder.facts_of(image, stop)
            try:
                self._interpreters[image] = interpreter_of_an_image(image, ended.output)
            except BadRequest as error:
                raise BadRequest(f"image {name} cannot run Python programs: {error}") from error
        return self._interpreters[image]

    def _found(self, api: Any, name: str, say: Say, stop: StopSign) -> str:
        """The id of an image."""
        if found := id_of(api, name):
            return found
        self._check_pull(name)
        say(f"image {name} is pulled")
        repository, at, digest = name.partition("@")
        params = {"fromImage": repository, "tag": digest if at else _tag_of(repository)}
        for news in work(api, "/images/create", params, timeout_s=_PULL_S):
            stop.check()
            if news.get("error"):
                raise SetupFailed(f"image {name} cannot be pulled: {' '.join(str(news['error']).split())}")
        return str(api.inspect_image(name)["Id"])

    def _check_pull(self, name: str) -> None:
        if self._pull is Pull.NEVER:
            text = f"image {name} is not on this node, which pulls none (--docker-pull pinned would)"
            raise TaskRejected(RejectReason.OPERATOR, text)
        if self._pull is Pull.PINNED and not ("@" in name and is_by_digest(name)):
            text = f"image {name} is not on this node, which pulls by digest alone, NAME@sha256:..."
            raise TaskRejected(RejectReason.OPERATOR, text)


def id_of(api: Any, name: str) -> str:
    """The id of an image; empty if it is not here."""
    try:
        return str(api.inspect_image(name)["Id"])
    except ImageNotFound:
        return ""


def _tag_of(repository: str) -> str:
    """The engine pulls all tags where none is named."""
    return "" if ":" in repository.rpartition("/")[2] else "latest"
