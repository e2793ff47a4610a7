"""A registry of images on this machine, and images for it."""

from __future__ import annotations

import io
import socket
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic
from urllib.request import Request, urlopen

from compute_node.scripts import engine

_UP_S = 20.0


@contextmanager
def image_registry() -> Iterator[str]:
    """HOST:PORT of a registry that ends with the context."""
    with tempfile.TemporaryDirectory(prefix="registry-") as folder, socket.create_server(("127.0.0.1", 0)) as chosen:
        address = f"127.0.0.1:{chosen.getsockname()[1]}"
        config = Path(folder) / "config.yml"
        config.write_text(
            f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/images}}}}\n"
            f"http: {{addr: '{address}'}}\n"
        )
        chosen.close()
        with (Path(folder) / "log").open("wb") as log:
            registry = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "docker-registry", "serve", str(config)], stdout=log, stderr=log
            )
        try:
            _wait_until_up(registry, address, Path(folder) / "log")
            yield address
        finally:
            registry.terminate()
            registry.wait(_UP_S)


def _wait_until_up(registry: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = monotonic() + _UP_S
    host, _, port = address.rpartition(":")
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1.0).close()
            return
        except OSError:
            assert registry.poll() is None and monotonic() < deadline, log.read_text()
        try:
            registry.wait(0.05)
        except subprocess.TimeoutExpired:
            continue


def built(url: str, name: str, files: Mapping[str, str]) -> str:
    """The id of an image, built by the engine itself of a Dockerfile and what it copies."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for file, text in files.items():
            entry = tarfile.TarInfo(file)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    context.seek(0)
    with closing(engine.connect(url)) as api:
        said = [*api.build(fileobj=context, custom_context=True, tag=name, network_mode="none", rm=True, decode=True)]
        assert "error" not in said[-1], said
        return str(api.inspect_image(name)["Id"])


def pushed(url: str, name: str) -> str:
    """NAME@sha256:..., of an image that is in its registry then, and no longer in the engine."""
    with closing(engine.connect(url)) as api:
        repository, _, tag = name.rpartition(":")
        said = [*api.push(repository, tag=tag, stream=True, decode=True)]
        assert not [each for each in said if "error" in each], said
        api.remove_image(name, force=True)
    return f"{repository}@{_digest(repository, tag)}"


def _digest(repository: str, tag: str) -> str:
    """What the registry calls an image: Podman does not say it after a push."""
    host, _, name = repository.partition("/")
    kinds = ("vnd.docker.distribution.manifest.v2", "vnd.oci.image.manifest.v1")
    request = Request(f"http://{host}/v2/{name}/manifests/{tag}")
    request.add_header("Accept", ", ".join(f"application/{kind}+json" for kind in kinds))
    with urlopen(request, timeout=_UP_S) as answer:
        return str(answer.headers["Docker-Content-Digest"])
