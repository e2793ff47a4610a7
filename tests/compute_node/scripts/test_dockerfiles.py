"""Bundles' own Dockerfiles built in a real engine: what they may do there, what ends them, who runs in the image."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from compute_node.cache import Cache, CacheSettings
from compute_node.config import NodeConfig
from compute_node.scripts import engine as engines
from compute_node.scripts.box import Limits
from compute_node.scripts.building import Builder
from compute_node.scripts.bundle_images import LABEL, BundleImages
from compute_node.scripts.image_order import Order
from compute_node.scripts.images import Images
from compute_node.scripts.levels import Pull, Sandboxes
from compute_node.scripts.settings import ScriptSettings
from compute_node.scripts.stopping import StopSign
from rpc.blobs import blob_name
from rpc.errors import FailureKind
from rpc.messages import DataFile, ScriptEnd, ScriptSpec, ScriptTask
from tests.compute_node.running import HeldTrainer, RunningNode
from tests.compute_node.scripts.asking import news_until, wait_for_sandboxes
from tests.compute_node.scripts.jobs import assert_gone
from tests.compute_node.scripts.node_with_secrets import node_with_secrets
from tests.compute_node.scripts.test_images import builder, nobody

__all__ = ["builder"]  # a fixture

MIB = 1 << 20
# What the job says of itself: its user, its rights, what the image has brought, and how it was started.
LOOK = """
import json, os
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
rights = [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")]
brought = open("/opt/app/brought").read().strip() if os.path.exists("/opt/app/brought") else ""
print("SEEN", os.getuid() > 0, rights, status["NoNewPrivs"].strip(), brought, os.environ.get("FLAVOUR"), os.getcwd())
print("PLACES", os.access("/", os.W_OK), os.access("/opt", os.W_OK))
print("NETWORK", [name for _, name in __import__("socket").if_nameindex()])
"""


class Node:
    """A node that builds images, and the jobs that are sent to it."""

    def __init__(self, folder: Path, settings: ScriptSettings) -> None:
        self.running = RunningNode(NodeConfig(slots=2, data_dir=str(folder), scripts=settings), HeldTrainer())
        self.control = self.running.client("control")
        wait_for_sandboxes(self.control)
        self.slot = self.running.client()

    def start(self, files: Mapping[str, str], **asked: Any) -> ScriptTask:
        bundle = io.BytesIO()
        with zipfile.ZipFile(bundle, "w") as archive:
            for name, text in {"main.py": LOOK, **files}.items():
                archive.writestr(zipfile.ZipInfo(name), text)
        data = bundle.getvalue()
        self.slot.call("put_blob", blob_name(data), len(data), 0, data)
        spec = ScriptSpec("x", DataFile("x.zip", blob_name(data), len(data)), **asked)
        job = f"j-{uuid4().hex[:12]}"
        task = ScriptTask(f"{job}/0/0#1", 1, job, spec, lease_s=60.0)
        for _ in range(2):  # the node has to know that it was heard of lately
            self.control.call("status")
        self.slot.call("start_script", task)
        return task

    def run(self, files: Mapping[str, str], **asked: Any) -> tuple[ScriptEnd, str]:
        """How a job with this bundle ends, and its log."""
        news, said = news_until(self.slot, self.start(files, **asked))
        assert news.ended is not None
        return news.ended, said


@contextmanager
def a_node(folder: Path, engine: str, **settings: Any) -> Iterator[Node]:
    node = Node(folder, ScriptSettings(engine=engine, **settings))
    try:
        yield node
    finally:
        node.running.close()


@pytest.fixture(scope="module")
def node(engine: str, base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with a_node(tmp_path_factory.mktemp("node"), engine, image=base, build_images=True) as node:
        yield node


def built_images(engine: str) -> list[str]:
    with closing(engines.connect(engine)) as api:
        return [str(each["Id"]) for each in api.images(filters={"label": LABEL})]


def containers(engine: str) -> list[Any]:
    with closing(engines.connect(engine)) as api:
        return list(api.containers(all=True))


def test_a_job_runs_in_the_image_of_its_dockerfile_which_is_built_once(engine: str, base: str, node: Node) -> None:
    files = {
        "Dockerfile": f"""\
FROM {base}
ENV FLAVOUR=plum
WORKDIR /opt/app
COPY things/*.txt ./
RUN cat a.txt b.txt > brought && id -u && echo $FLAVOUR
""",
        "things/a.txt": "one-",
        "things/b.txt": "two",
    }
    before = len(built_images(engine))
    end, said = node.run(files)
    assert (end.status, end.failure) == (0, 0), said
    assert "the image of the bundle's Dockerfile is built" in said
    assert "Dockerfile:5: RUN cat a.txt b.txt > brought && id -u && echo $FLAVOUR\n0\nplum\n" in said
    assert "SEEN True [0, 0, 0, 0] 1 one-two plum /job" in said
    assert "PLACES False False" in said and "NETWORK ['lo']" in said
    assert len(built_images(engine)) == before + 1
    end, said = node.run(files)
    assert end.status == 0 and "is built" not in said and "SEEN True [0, 0, 0, 0] 1 one-two plum /job" in said
    assert len(built_images(engine)) == before + 1


def test_what_a_dockerfile_says_of_running_is_not_done(engine: str, base: str, node: Node) -> None:
    lines = f"""\
FROM {base}
RUN mkdir -p /evil /opt/app && cp /usr/bin/python3 /opt/app/as-root && chmod 6755 /opt/app/as-root /bin/sh
RUN chmod 777 / /opt && echo 'raise SystemExit("evil")' > /evil/x.py
ENV PYTHONPATH=/evil PYTHONSTARTUP=/evil/x.py JOB_OUT=/evil HOME=/evil NVIDIA_VISIBLE_DEVICES=all
LABEL roundhouse.node=another roundhouse.job=another
VOLUME /evil /tmp /job/out
HEALTHCHECK --interval=1s CMD touch /job/out/healthy
USER root
ENTRYPOINT ["/bin/sh", "-c", "touch /job/out/entered; exec sleep 1000"]
CMD ["--privileged"]
"""
    end, said = node.run({"Dockerfile": lines})
    assert (end.status, end.artifacts) == (0, ()), said
    assert "CMD, ENTRYPOINT, HEALTHCHECK, LABEL, USER, VOLUME of the Dockerfile say how to run it" in said
    assert "SEEN True [0, 0, 0, 0] 1" in said and "PLACES False False" in said


def test_without_leave_a_dockerfile_is_not_built_and_the_job_runs_as_ever(
    engine: str, base: str, tmp_path: Path
) -> None:
    before = built_images(engine)
    with a_node(tmp_path / "node", engine, image=base) as node:
        end, said = node.run({"Dockerfile": f"FROM {base}\nENV FLAVOUR=plum"})
    assert end.status == 0, said
    expected = "the bundle's Dockerfile is not used: this node's operator has to allow it (--build-images)\n"
    assert said.count(expected) == 1 and " None /job" in said
    assert built_images(engine) == before


def test_who_names_an_image_or_a_sandbox_has_that(engine: str, base: str, node: Node) -> None:
    files = {"Dockerfile": "FROM nothing"}
    for asked in ({"image": base}, {"sandbox": "bwrap"}):
        end, said = node.run(files, **asked)
        assert end.status == 0, said
        assert "is not used: the job asks for an image or a sandbox itself" in said


def test_a_node_without_an_image_of_its_own_builds_too(engine: str, base: str, tmp_path: Path) -> None:
    with closing(engines.connect(engine)) as api:
        by_id = str(api.inspect_image(base)["Id"])
    with a_node(tmp_path / "node", engine, build_images=True, pull=Pull.ALLOW) as node:
        for name in (base, by_id):
            end, said = node.run({"Dockerfile": f"FROM {name}\nENV FLAVOUR={name[:6]}"})
            assert end.status == 0 and f" {name[:6]} /job" in said, said
        end, said = node.run({})
        assert end.status == 0 and " None " in said  # in bubblewrap


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("RUN echo no; exit 7", "bad image: Dockerfile:2: exit status 7"),
        ("COPY nothing /x", "bad image: Dockerfile:2: 'nothing' is not in the bundle"),
        (
            "ADD http://127.0.0.1/x /x",
            "bad image: Dockerfile:2: 'http://127.0.0.1/x' is not in the bundle, and",
        ),
        ("COPY --from=evil /x /x", "bad image: Dockerfile:2: --from: there is no other stage, and no other"),
        ('RUN ["/nowhere"]', "bad image: Dockerfile:2: [Errno 2] No such file or directory: '/nowhere'"),
        ("RUN kill -9 $$", "bad image: Dockerfile:2: ended by signal 9"),
    ],
)
def test_an_image_that_cannot_be_built_is_the_jobs_mistake(
    engine: str, base: str, node: Node, lines: str, reason: str
) -> None:
    before = built_images(engine)
    end, said = node.run({"Dockerfile": f"FROM {base}\n{lines}"})
    assert (end.failure, end.reason[: len(reason)]) == (FailureKind.USER_ERROR, reason), said
    assert "SEEN" not in said
    assert built_images(engine) == before and containers(engine) == []


def test_an_image_that_the_node_must_not_fetch_is_not_fetched(node: Node) -> None:
    pinned = "127.0.0.1:1/nothing@sha256:" + "0" * 64
    for name, reason in ((pinned, "which pulls none"), ("python:3.12", "name it by digest")):
        end, _ = node.run({"Dockerfile": f"FROM {name}"})
        assert end.failure == FailureKind.USER_ERROR
        assert end.reason.startswith(f"bad image: Dockerfile:1: image {name} ") and reason in end.reason


# While an image is built, its programs are root in a container: what they must not be able to, nevertheless.
GREED = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def tried(name, attempt):
    try:
        if attempt():
            print("GOT OUT", name, flush=True)
    except OSError:
        pass
def write(path):
    with open(path, "w") as file:
        file.write("1")
    return True
tried("nothing: root may write here", lambda: write("/anywhere"))
tried("device", lambda: not os.mknod("/dev/disk", 0o60600, os.makedev(8, 0)) and os.open("/dev/disk", os.O_RDONLY) >= 0)
tried("mount", lambda: libc.mount(b"tmpfs", b"/mnt", b"tmpfs", 0, None) == 0)
tried("namespace", lambda: libc.unshare(0x10000000) == 0)
tried("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
tried("bundle", lambda: write("/job/data/bundle/main.py"))
tried("kernel", lambda: write("/proc/sys/kernel/core_pattern"))
tried("trigger", lambda: write("/proc/sysrq-trigger"))
tried("chroot", lambda: not os.chroot("/tmp"))
tried("clock", lambda: libc.stime(ctypes.byref(ctypes.c_long(0))) == 0 if hasattr(libc, "stime") else False)
tried("network", lambda: len(socket.if_nameindex()) > 1)
for place in sys.argv[1:]:
    tried(place, lambda: os.path.exists(place))
print("all tried")
"""


def test_while_it_is_built_nothing_gets_out(engine: str, base: str, node: Node) -> None:
    with node_with_secrets(engine.removeprefix("unix://")) as targets:
        places = " ".join(targets[name] for name in ("private_file", "public_file", "engine"))
        lines = f"FROM {base}\nCOPY greed.py /\nRUN python3 /greed.py {places}"
        end, said = node.run({"Dockerfile": lines, "greed.py": GREED})
    assert end.status == 0 and "all tried" in said, said
    assert [line for line in said.splitlines() if "GOT OUT" in line] == ["GOT OUT nothing: root may write here"]


@pytest.mark.parametrize(
    ("step", "asked", "reason"),
    [
        ("x = []\nwhile True: x.append(bytearray(16 << 20))", {"memory_bytes": 128 * MIB}, "limit:memory"),
        ("f = open('/big', 'wb')\nwhile True: f.write(bytes(1 << 20))", {"disk_bytes": 64 * MIB}, "limit:disk"),
        ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", {"pids": 20}, "limit:pids"),
    ],
    ids=["memory", "disk", "pids"],
)
def test_a_build_has_the_limits_of_its_job(
    engine: str, base: str, node: Node, step: str, asked: dict[str, int], reason: str
) -> None:
    end, said = node.run({"Dockerfile": f"FROM {base}\nCOPY step.py /\nRUN python3 /step.py", "step.py": step}, **asked)
    assert end.failure == FailureKind.USER_ERROR, said
    assert end.reason.startswith(f"bad image: {reason}: more than "), end
    assert containers(engine) == []


def test_a_flood_of_a_build_is_cut_off_and_its_last_line_is_told(engine: str, base: str, node: Node) -> None:
    flood = "for i in $(seq 10); do head -c 1000000 /dev/zero | tr '\\0' x; echo; done; echo the end; exit 1"
    end, said = node.run({"Dockerfile": f"FROM {base}\nRUN {flood}"})
    assert end.reason == "bad image: Dockerfile:2: exit status 1"
    assert len(said) < 3 * MIB and "it writes more; that is not kept" in said and "the end" not in said.splitlines()


def test_a_build_ends_with_its_job(engine: str, base: str, node: Node) -> None:
    mark = f"a-build-{os.getpid()}"
    task = node.start({"Dockerfile": f"FROM {base}\nRUN echo begun && exec sleep 1000 {mark}"})
    news_until(node.slot, task, "\nbegun\n")
    node.control.call("cancel_attempt", task.attempt, 0)
    news, _ = news_until(node.slot, task)
    assert news.ended is not None and news.ended.failure == FailureKind.CANCELLED
    assert_gone(mark, within_s=5.0)
    assert containers(engine) == []


def test_images_are_kept_until_they_are_too_much_and_as_long_as_they_are_used(
    engine: str, base: str, builder: Builder, tmp_path: Path
) -> None:
    images = Images(engine, Pull.NEVER, builder)
    shelf = BundleImages(tmp_path / "images", engine, images, builder=builder, sandboxes=Sandboxes(image=base))
    cache = Cache(CacheSettings(max_bytes=1))
    cache.add(shelf)

    def order(name: str) -> Order:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text(f"FROM {base}\nRUN echo {name} > /name")
        return Order(f"sha256:{name}", folder, Limits())

    with shelf.use(order("first"), nobody, StopSign()) as first:
        with shelf.use(order("second"), nobody, StopSign()) as second:
            cache.tidy()
            assert {first, second} <= {*built_images(engine)}
            assert [(0 < each.size < 100_000, each.is_in_use) for each in shelf.kept()] == [(True, True)] * 2
        cache.tidy()
        assert first in built_images(engine) and second not in built_images(engine)
        assert [each.is_in_use for each in shelf.kept()] == [True]
        again = BundleImages(tmp_path / "images", engine, images, builder=builder, sandboxes=Sandboxes(image=base))
        assert [each.size for each in again.kept()] == [each.size for each in shelf.kept()]
    cache.tidy()
    assert first not in built_images(engine)
    assert shelf.kept() == []
