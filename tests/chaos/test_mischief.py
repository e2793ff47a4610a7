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
        self.kinds = ("one", "other", "one")
        self.harms: list[tuple[str, float]] = []
        self.is_harmed = False

    def harm(self, kind: str, rng: Random) -> Harm:
        assert not self.is_harmed
        self.is_harmed = True
        self.harms.append((kind, rng.random()))
        return Harm(kind, 0.001)

    def heal(self) -> None:
        assert self.is_harmed
        self.is_harmed = False


def strikes_of(seed: int) -> dict[str, list[tuple[str, float]]]:
    victims = [Ledger("one"), Ledger("other")]
    mischief = Mischief(seed, dict.fromkeys(victims, 0.001), soon_s=1.0)
    mischief.run(lambda: all(len(victim.harms) >= 10 for victim in victims))
    assert not any(victim.is_harmed for victim in victims)
    assert all(strike.healed_at >= strike.at for strike in mischief.strikes)
    return {victim.name: victim.harms[:10] for victim in victims}


def test_the_same_seed_does_the_same_to_each_victim() -> None:
    assert strikes_of(1) == strikes_of(1) != strikes_of(2)


def test_everything_is_done_soon_to_each_victim_however_long_it_lives() -> None:
    victims = [Ledger("one"), Ledger("other")]
    mischief = Mischief(1, dict.fromkeys(victims, 1e9), soon_s=0.01)
    assert not mischief.is_all_done()
    mischief.run(mischief.is_all_done)
    assert all([kind for kind, _ in victim.harms] == ["one", "other"] for victim in victims)


def test_a_program_that_ends_by_itself_is_a_flaw(tmp_path: Path) -> None:
    script = "import sys; print('it serves on 127.0.0.1:1 now', flush=True); sys.exit('it broke')"
    victim = ProgramVictim("node-0", lambda: Child(["-c", script], tmp_path / "log"), longest_pause_s=1.0)
    mischief = Mischief(1, {victim: 1e9}, soon_s=1e9)
    mischief.run(lambda: False)
    assert mischief.flaws == ["node-0 ended by itself (1): it broke"]


def test_a_paused_program_ends_when_it_is_killed(tmp_path: Path) -> None:
    script = "import threading; print('it serves on 127.0.0.1:1', flush=True); threading.Event().wait(60)"
    child = Child(["-c", script], tmp_path / "log")
    assert child.serves.wait(30)
    child.pause()
    child.kill()
    assert child.exit_status is not None
