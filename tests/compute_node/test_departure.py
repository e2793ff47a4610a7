"""A node goes when nobody waits for it any more, or its grace is over."""

from __future__ import annotations

from compute_node.departure import Departure
from rpc.loop import Loop


class Scene:
    def __init__(self) -> None:
        self.loop = Loop()
        self.is_idle = False
        self.departure = Departure(self.loop, lambda: self.is_idle, self.loop.stop)

    def run(self, seconds: float) -> bool:
        """Run the loop; whether the node went before the time was over."""
        over: list[bool] = []

        def end() -> None:
            over.append(True)
            self.loop.stop()

        self.loop.call_later(seconds, end)
        self.loop.run()
        return not over


def test_an_idle_node_goes_at_once() -> None:
    scene = Scene()
    scene.is_idle = True
    scene.departure.within(60.0)
    assert scene.run(30.0)


def test_a_busy_node_goes_as_soon_as_it_is_idle() -> None:
    scene = Scene()
    scene.departure.when_idle()
    scene.loop.call_later(0.05, lambda: setattr(scene, "is_idle", True))
    assert scene.run(30.0)


def test_a_busy_node_goes_when_its_grace_is_over() -> None:
    scene = Scene()
    scene.departure.within(0.05)
    assert scene.run(30.0)


def test_a_drained_node_waits_a_moment_for_a_task_that_is_on_its_way() -> None:
    scene = Scene()
    scene.is_idle = True
    scene.departure.when_idle()
    assert not scene.run(0.1)


def test_a_node_that_is_wanted_again_stays() -> None:
    scene = Scene()
    scene.departure.when_idle()
    scene.departure.stay()
    scene.loop.call_later(0.02, lambda: setattr(scene, "is_idle", True))
    assert not scene.run(0.2)


def test_what_is_final_cannot_be_taken_back() -> None:
    scene = Scene()
    scene.departure.within(0.05)
    scene.departure.stay()
    assert scene.departure.is_final
    assert scene.run(30.0)
