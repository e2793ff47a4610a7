"""What is done to victims: the same for the same seed, healed at the end, and told from what they do themselves."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.chaos.child import Child
from tests.chaos.mischief import Mischief
from tests.chaos.victims import Harm, ProgramVictim


class Ledger:
    """A victim that writes down what is done to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.harms: list[float] = []
        self.is_harmed = False

    def harm(self, rng: Random) -> Harm:
        assert not self.is_harmed
        self.is_harmed = True
        self.harms.append(rng.random())
        return Harm("harmed", 0.001)

    def heal(self) -> None:
        assert self.is_harmed
        self.is_harmed = False


def strikes_of(seed: int) -> dict[str, list[float]]:
    victims = [Ledger("one"), Ledger("other")]
    mischief = Mischief(seed, dict.fromkeys(victims, 0.001))
    mischief.run(lambda: all(len(victim.harms) >= 10 for victim in victims))
    assert not any(victim.is_harmed for victim in victims)
    assert all(strike.healed_at >= strike.at for strike in mischief.strikes)
    return {victim.name: victim.harms[:10] for victim in victims}


def test_the_same_seed_does_the_same_to_each_victim() -> None:
    assert strikes_of(1) == strikes_of(1) != strikes_of(2)


def test_a_program_that_ends_by_itself_is_a_flaw(tmp_path: Path) -> None:
    script = "import sys; print('it serves on 127.0.0.1:1 now', flush=True); sys.exit('it broke')"
    victim = ProgramVictim("node-0", lambda: Child(["-c", script], tmp_path / "log"), longest_pause_s=1.0)
    mischief = Mischief(1, {victim: 1e9})
    mischief.run(lambda: False)
    assert mischief.flaws == ["node-0 ended by itself (1): it broke"]


def test_a_paused_program_ends_when_it_is_killed(tmp_path: Path) -> None:
    script = "import threading; print('it serves on 127.0.0.1:1', flush=True); threading.Event().wait(60)"
    child = Child(["-c", script], tmp_path / "log")
    assert child.serves.wait(30)
    child.pause()
    child.kill()
    assert child.exit_status is not None
