"""Keys and variables by which older systems set a worker up: each is taken for the setting that it has become."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rpc.addresses import server_of_url
from rpc.errors import Unauthenticated
from rpc.tokens import id_of

# Name -> what it has become; None: nothing.
Table = Mapping[str, Callable[[Any], dict[str, Any]] | None]


class Renamed(NamedTuple):
    """A value by the name of the setting that it has become, and the old name."""

    name: str
    value: Any
    old_name: str


NewNames = tuple[list[Renamed], list[str]]


def _same(name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {name: value}


def _jobs(value: Any) -> dict[str, Any]:
    """A worker ran so many jobs at once, and nothing else; here each takes a slot."""
    return {"slots": value, "max_jobs": value}


def _join(value: Any) -> dict[str, Any]:
    return {"join": server_of_url(str(value))}


def _token(value: Any) -> dict[str, Any]:
    """Any words would do; here a token is made by the coordinator."""
    try:
        id_of(str(value))
    except Unauthenticated:
        return {}
    return {"token": str(value)}


def _accept(value: Any) -> dict[str, Any]:
    return {"accept": "auto" if value is True else "ask"}


def _docker(value: Any) -> dict[str, Any]:
    return {} if value is True else {"docker_url": "", "docker_image": ""}


def _debug(value: Any) -> dict[str, Any]:
    return {"log_level": "debug"} if str(value).lower() in ("true", "1", "yes") else {}


_KEYS: Table = {
    "server_url": _join,
    "token": _token,
    "worker_name": _same("name"),
    "poll_interval": None,
    "max_concurrent_jobs": _jobs,
    "auto_accept_jobs": _accept,
    "docker_image_tag": _same("docker_image"),
    "docker_volumes": _same("docker_volume"),
    "docker_environment": _same("docker_env"),
    "docker_enabled": _docker,
}
_VARIABLES: Table = {
    "DTRAIN_SERVER_URL": _join,
    "DTRAIN_WORKER_TOKEN": _token,
    "WORKER_SHARED_TOKEN": _token,
    "DTRAIN_WORKER_NAME": _same("name"),
    "DTRAIN_POLL_INTERVAL": None,
    "DTRAIN_MAX_JOBS": _jobs,
    "DTRAIN_DEBUG": _debug,
}


def keys(values: Mapping[str, Any]) -> NewNames:
    """The settings that a file names by their old keys, and a remark on each."""
    return _renamed(values, _KEYS)


def variables(environ: Mapping[str, str]) -> NewNames:
    """The settings that the environment names by their old variables, and a remark on each."""
    return _renamed(environ, _VARIABLES)


def is_old_key(name: str) -> bool:
    return name in _KEYS


def _renamed(values: Mapping[str, Any], table: Table) -> NewNames:
    found, remarks = [], []
    for name in table:
        if name not in values:
            continue
        become = table[name]
        new = become(values[name]) if become is not None else {}
        found += [Renamed(each, value, name) for each, value in new.items()]
        if become is _token and not new:
            remarks.append(
                f"{name} is not used, being none of our tokens; `client.py token create --role node` makes one"
            )
        else:
            remarks.append(f"{name} is {', '.join(new)} now" if new else f"{name} changes nothing here")
    return found, remarks
