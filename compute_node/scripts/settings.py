"""What the owner of a node says of script jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from compute_node import machine
from compute_node.scripts.acceptance import Accept, Rule
from compute_node.scripts.box import Limits, Volume
from compute_node.scripts.levels import Pull
from compute_node.scripts.requirements import Policy

DOCKER_URL = "unix:///var/run/docker.sock"


@dataclass(frozen=True, slots=True)
class ScriptSettings:
    """Which script jobs a node takes, and how it runs them.

    Attributes:
        accept: what happens to a job that no rule is about.
        rules: the first that is about a job decides.
        max_jobs: at the same time; 0: as many as there are slots.
        max_memory_bytes: of all jobs together; 0: what the machine has.
        max_cpu_share: of all cores, for all jobs together; 0: no limit.
        allow_weak: the sandbox `rlimits` may be used.
        allow_network: jobs that ask for the network get it.
        image: in which jobs run that name none; empty: in bubblewrap.
        pull: which images that are not here are fetched from their registries.
        build_images: of a bundle's own Dockerfile, for it to run in.
        engine: of containers, its URL; empty: none is looked for.
        volumes, variables: of all containers.
        policy: which requirements are installed.
        package_index: where from: a URL or a folder; empty: as the node's environment says.
    """

    accept: Accept = Accept.AUTO
    rules: tuple[Rule, ...] = ()
    max_jobs: int = 0
    max_memory_bytes: int = 0
    max_cpu_share: float = 0.0
    allow_weak: bool = False
    allow_network: bool = False
    image: str = ""
    pull: Pull = Pull.NEVER
    build_images: bool = False
    engine: str = DOCKER_URL
    volumes: tuple[Volume, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    policy: Policy = Policy.ALLOW
    package_index: str = ""

    @property
    def is_on(self) -> bool:
        """Whether there can be a job that is taken."""
        return any(word is not Accept.NEVER for word in (self.accept, *(rule.accept for rule in self.rules)))

    @property
    def memory_bytes(self) -> int:
        """What all jobs may have together."""
        return self.max_memory_bytes or machine.memory_bytes()[1]

    @property
    def cpus(self) -> float:
        """The same in cores; 0: no limit."""
        return self.max_cpu_share * machine.cores()

    @property
    def usual_limits(self) -> Limits:
        """Of a job that names none."""
        usual = Limits()
        cpus = min(usual.cpus, self.cpus) if self.cpus else usual.cpus
        return replace(usual, memory_bytes=min(usual.memory_bytes, self.memory_bytes), cpus=cpus)
