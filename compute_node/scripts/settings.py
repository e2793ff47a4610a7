"""What the owner of a node says of script jobs."""

from __future__ import annotations

from dataclasses import dataclass

from compute_node.scripts.requirements import Policy

DOCKER_URL = "unix:///var/run/docker.sock"


@dataclass(frozen=True, slots=True)
class ScriptSettings:
    """Which script jobs a node takes, and how it runs them.

    Attributes:
        is_on: jobs are taken at all.
        max_jobs: at the same time; 0: as many as there are slots.
        allow_weak: the sandbox `rlimits` may be used.
        image: in which jobs run that name none; empty: in bubblewrap.
        engine: of containers, its URL.
        policy: which requirements are installed.
        index_url: where from; empty: as the node's environment says.
    """

    is_on: bool = True
    max_jobs: int = 0
    allow_weak: bool = False
    image: str = ""
    engine: str = DOCKER_URL
    policy: Policy = Policy.ALLOW
    index_url: str = ""
