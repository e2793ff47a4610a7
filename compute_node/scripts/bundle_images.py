"""Images that are built of bundles' own Dockerfiles: each once on a node, as long as it is used now and then."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from docker.errors import ImageNotFound

from compute_node.cache import Kept
from compute_node.scripts import dockerfile, engine
from compute_node.scripts.box import Limits
from compute_node.scripts.building import Builder
from compute_node.scripts.cage import NotStarted
from compute_node.scripts.ending import over
from compute_node.scripts.environments import Ended
from compute_node.scripts.image_order import Order
from compute_node.scripts.image_plan import Plan, base_of, changes_of, plan_of
from compute_node.scripts.images import Images, Say, id_of
from compute_node.scripts.levels import Sandboxes
from compute_node.scripts.stopping import StopSign
from rpc.errors import BadBundle, BadRequest, SetupFailed, TaskRejected

LABEL = "roundhouse.bundle"
_REPOSITORY = "localhost/roundhouse-bundle"
_BUILD_S = 1800.0
_TURN_S = 0.25  # between two looks whether somebody who waits is still wanted
_TOLD_BYTES, _LINE_BYTES = 1 << 20, 64 << 10  # of what the steps write, and of one line of that
_VERSION = "1"  # of how images are built


class _Wanted(NamedTuple):
    """An image: its name, the id of the one that it begins with, its steps, and who asks for it."""

    name: str
    base: str
    plan: Plan
    order: Order


class BundleImages:
    """Those of one node in one engine; several threads may use it. They are a shelf of its cache."""

    def __init__(self, folder: Path, url: str, images: Images, *, builder: Builder, sandboxes: Sandboxes) -> None:
        """Use a folder, made if need be, to remember what was used when."""
        self._folder = folder
        self._url = url
        self._images = images
        self._builder = builder
        self._sandboxes = sandboxes
        self._lock = Lock()
        self._turns: dict[str, Lock] = {}
        self._users: Counter[str] = Counter()
        folder.mkdir(exist_ok=True)

    @contextmanager
    def use(self, order: Order, say: Say, stop: StopSign) -> Iterator[str]:
        """The id of a bundle's image, built if it is not there; it stays as long as the context lasts.

        Raises:
            BadBundle: its Dockerfile asks for what is not done here, or a step of it fails; `bad image: ...`.
            SetupFailed: the engine does not answer, or cannot keep the image.
            Cancelled: `stop` was given meanwhile.
        """
        instructions = dockerfile.read_dockerfile((order.folder / dockerfile.NAME).read_bytes())
        with _failures_told():
            base, variables = self._base(*base_of(instructions), say, stop)
        plan = plan_of(instructions, variables)
        name = f"{_REPOSITORY}:{_digest(order, base)}"
        wanted = _Wanted(name, base, plan, order)
        with self._lock:
            turn = self._turns.setdefault(name, Lock())
            self._users[name] += 1
        try:
            with _held(turn, stop), _failures_told():
                image = self._made_sure(wanted, say, stop)
            yield image
        finally:
            with self._lock:
                self._users[name] -= 1
                if not self._users[name]:
                    del self._users[name], self._turns[name]

    def kept(self) -> list[Kept]:
        with self._lock:
            users = self._users.copy()
        found = []
        for mark in self._folder.iterdir():
            with suppress(FileNotFoundError, ValueError):  # it has gone meanwhile, or the machine lost its power then
                size, used_at = int(mark.read_text()), mark.stat().st_mtime
                found.append(Kept(mark.name, size, used_at, users[f"{_REPOSITORY}:{mark.name}"] > 0))
        return found

    def drop(self, name: str) -> None:
        image = f"{_REPOSITORY}:{name}"
        with self._lock:
            if self._users[image]:
                return
            try:
                with closing(engine.connect(self._url)) as api, suppress(ImageNotFound):
                    api.remove_image(image)
            except (NotStarted, *engine.FAILURES) as error:
                raise OSError(engine.words(error)) from error
            (self._folder / name).unlink(missing_ok=True)

    def _base(self, line: int, name: str, say: Say, stop: StopSign) -> tuple[str, dict[str, str]]:
        """The id of the image that a Dockerfile begins with, and its variables."""
        try:
            self._sandboxes.check_image(name)
            image = self._images.interpreter(name, say, stop).image
        except (TaskRejected, BadRequest) as error:
            raise dockerfile.bad(line, str(error)) from error
        with closing(engine.connect(self._url)) as api:
            words: Sequence[str] = (api.inspect_image(image)["Config"] or {}).get("Env") or []
        return image, {word.partition("=")[0]: word.partition("=")[2] for word in words}

    def _made_sure(self, wanted: _Wanted, say: Say, stop: StopSign) -> str:
        image = self._id_of(wanted.name)
        if not image:
            self._build(wanted, say, stop)
            image = self._id_of(wanted.name)
        if not image:
            raise SetupFailed("the container engine could not keep the image of the bundle; is its disk full?")
        mark = self._folder / wanted.name.rpartition(":")[2]
        if mark.exists():
            mark.touch()
        else:
            with closing(engine.connect(self._url)) as api:
                size, of_the_base = (int(api.inspect_image(each)["Size"]) for each in (image, wanted.base))
            mark.write_text(str(max(0, size - of_the_base)))
        return image

    def _id_of(self, name: str) -> str:
        with closing(engine.connect(self._url)) as api:
            return id_of(api, name)

    def _build(self, wanted: _Wanted, say: Say, stop: StopSign) -> None:
        name, base, plan, order = wanted
        say(f"the image of the bundle's {dockerfile.NAME} is built")
        if unused := dockerfile.unused_in((order.folder / dockerfile.NAME).read_bytes()):
            say(f"{', '.join(unused)} of the {dockerfile.NAME} say how to run it, and are not used")
        lines = _Lines(say)
        ended = self._builder.build_image(
            plan.steps, stop, lines.take,
            image=base, network=order.network, datasets={"bundle": str(order.folder)},
            limits=replace(order.limits, time_s=_BUILD_S),
            builds=(name, *changes_of(plan), f"LABEL {LABEL}={order.bundle.removeprefix('sha256:')}"),
        )  # fmt: skip
        lines.close()
        if ended.status != 0:
            with closing(engine.connect(self._url)) as api:
                if id_of(api, name):
                    api.remove_image(name)
            raise _failure(ended, order.limits)


class _Lines:
    """Tells each line of an output, up to so many bytes: what else a flood brings is read, and dropped."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._left = b""
        self._room = _TOLD_BYTES

    def take(self, data: bytes) -> None:
        if self._room <= 0:
            return
        self._room -= len(data)
        *lines, self._left = (self._left + data).split(b"\n")
        for line in lines:
            self._say(line.decode(errors="replace"))
        if len(self._left) > _LINE_BYTES:
            self.close()
        if self._room <= 0:
            self._say("it writes more; that is not kept")
            self._left = b""

    def close(self) -> None:
        if self._left:
            self._say(self._left.decode(errors="replace"))
        self._left = b""


@contextmanager
def _failures_told() -> Iterator[None]:
    """An engine that does not do its part is no mistake of the job's."""
    try:
        yield
    except (NotStarted, *engine.FAILURES) as error:
        raise SetupFailed(f"the image of the bundle: {engine.words(error)}") from error


@contextmanager
def _held(turn: Lock, stop: StopSign) -> Iterator[None]:
    while not turn.acquire(timeout=_TURN_S):
        stop.check()
    try:
        stop.check()
        yield
    finally:
        turn.release()


def _digest(order: Order, base: str) -> str:
    """What an image is built of, and how: with the network it may become another."""
    return hashlib.sha256(f"{_VERSION} {order.bundle} {base} {order.network}".encode()).hexdigest()[:40]


def _failure(ended: Ended, limits: Limits) -> BadBundle | SetupFailed:
    """Why there is no image: for a step of it, or because the engine did not even begin."""
    if ended.status is None:
        return BadBundle(f"bad image: it was not built after {_BUILD_S:g} s")
    last = (ended.output.splitlines() or [f"status {ended.status}"])[-1][:500]
    if last.startswith("limit:"):
        return BadBundle(f"bad image: {over(last.removeprefix('limit:'), limits)}")
    if last.startswith(f"{dockerfile.NAME}:"):
        return BadBundle(f"bad image: {last}")
    return SetupFailed(f"the image of the bundle was not built: {last}")
