"""What a watchdog writes down beside its job, so that a node that starts anew can end what an earlier one left."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import NamedTuple

from compute_node.scripts.box import Level
from compute_node.scripts.cgroups import Parents
from compute_node.scripts.descendants import stat_of
from compute_node.scripts.orders import Start

NAME = "watchdog.json"


class Record(NamedTuple):
    """Who looks after a job, and what the job may have left."""

    pid: int
    started_at: int  # with the number it names the process for good
    name: str
    level: Level
    user: int | None
    parents: Parents
    engine: str


def write(start: Start, user: int | None) -> None:
    """Write the record of this process's job, whole or not at all; OSError if there is no room."""
    own = stat_of(os.getpid())
    assert own is not None
    record = Record(os.getpid(), own.started_at, start.box.name, start.level, user, start.parents, start.engine)
    path = _path(start.box.folder)
    with open(f"{path}.new", "w") as file:
        json.dump(record._asdict(), file)
    os.rename(f"{path}.new", path)


def remove(folder: str) -> None:
    """Nothing is left of the job in this folder."""
    with suppress(FileNotFoundError):
        os.remove(_path(folder))


def read(folder: str) -> Record | None:
    """The record in the folder of a job, if it has one."""
    try:
        with open(_path(folder)) as file:
            values = json.load(file)
    except FileNotFoundError:
        return None
    parents = {name: (version, group) for name, (version, group) in values["parents"].items()}
    return Record(**values | {"level": Level(values["level"]), "parents": parents})


def _path(folder: str) -> str:
    return f"{folder}/{NAME}"
