"""What the driver knows of an executor's managers."""

from __future__ import annotations

from parsl_like.executors.high_throughput.managers import ConnectedManagers
from parsl_like.executors.high_throughput.protocol import ManagerNews


def news(name: str, what: str = "connected", *, block: str = "0", slots: int = 2, reason: str = "") -> ManagerNews:
    return ManagerNews(name.encode(), what, block, "node1", slots, 0, reason, "3.11.7", "1.0", {"numpy": "2"})


def connected(*managers: tuple[str, str]) -> ConnectedManagers:
    made = ConnectedManagers()
    for name, block in managers:
        made.take(news(name, block=block), 5.0)
    return made


def test_slots_and_blocks_are_those_of_the_connected() -> None:
    managers = connected(("a", "0"), ("b", "0"), ("c", "1"))
    assert (managers.slots, managers.blocks, managers.slots_per_block) == (6, ("0", "1"), 3)
    managers.take(news("a", "ended"), 6.0)
    assert (managers.slots, managers.blocks) == (4, ("0", "1"))
    managers.take(news("b", "lost", reason="silence"), 6.0)
    assert (managers.slots, managers.blocks, managers.slots_per_block) == (2, ("1",), 2)
    managers.take(news("c", "ended", block="1"), 6.0)
    assert (managers.slots, managers.blocks, managers.slots_per_block) == (0, (), 2), "as the last one had"
    assert (len(managers.live), managers.ended) == (0, 2)


def test_since_when_there_is_nobody() -> None:
    managers = ConnectedManagers(without_slots_since=1.0)
    assert managers.without_slots_since == 1.0
    managers.take(news("a"), 5.0)
    assert managers.without_slots_since is None
    managers.take(news("a", "draining"), 6.0)
    managers.take(news("a", "ended"), 7.0)
    assert managers.without_slots_since == 6.0


def test_a_draining_manager_offers_no_slots_and_keeps_its_block() -> None:
    managers = connected(("a", "0"), ("b", "1"))
    for _ in range(2):
        managers.take(news("a", "draining"), 6.0)
    assert (managers.slots, managers.blocks) == (2, ("0", "1"))
    assert [(m["manager"], m["active"]) for m in managers.described()] == [("a", False), ("b", True)]
    managers.take(news("a", "ended"), 7.0)
    assert (managers.slots, managers.blocks) == (2, ("1",))
    managers.take(news("b", "ended", block="1"), 7.0)
    assert managers.slots == 0


def test_a_manager_that_connects_again_counts_once() -> None:
    managers = connected(("a", "0"), ("a", "0"))
    assert managers.slots == 2
    managers.take(news("a", "lost"), 6.0)
    assert (managers.slots, managers.blocks) == (0, ())


def test_who_was_refused_or_is_unknown_leaves_the_others_alone() -> None:
    managers = connected(("a", "0"))
    managers.take(news("stranger", "refused", reason="another run"), 6.0)
    managers.take(news("nobody", "draining"), 6.0)
    managers.take(ManagerNews(b"\xff", "lost", "9", "node2", 2, 0, "gone"), 6.0)
    assert (managers.slots, list(managers.live)) == (2, [b"a"])


def test_idle_blocks_are_those_that_are_there() -> None:
    managers = connected(("a", "0"), ("b", "1"))
    managers.idle({"0": True, "1": True, "gone": True})
    assert managers.idle_blocks == ("0", "1")
    managers.idle({"1": False})
    assert managers.idle_blocks == ("0",)
    managers.take(news("a", "ended"), 6.0)
    assert managers.idle_blocks == ()
    managers.take(news("c", block="0"), 7.0)
    managers.take(news("d", block="gone"), 7.0)
    assert managers.idle_blocks == ()


def test_people_are_told_what_there_is() -> None:
    managers = connected(("a", "0"))
    (described,) = managers.described()
    assert described == {
        "manager": "a",
        "block_id": "0",
        "worker_count": 2,
        "tasks": 0,
        "idle_duration": 0.0,
        "active": True,
        "draining": False,
        "hostname": "node1",
        "parsl_version": "1.0",
        "python_version": "3.11.7",
        "connected_since": 5.0,
    }
    assert managers.packages() == {"a": {"numpy": "2"}}


def test_a_block_drains_when_all_its_managers_do() -> None:
    managers = connected(("a", "0"), ("b", "0"), ("c", "1"))
    assert (managers.draining_blocks, managers.slots_per_block) == ((), 3)
    managers.take(news("a", "draining"), 6.0)
    assert managers.draining_blocks == ()
    managers.take(news("b", "draining"), 6.0)
    managers.take(news("b", "draining"), 6.0)
    assert (managers.draining_blocks, managers.slots, managers.slots_per_block) == (("0",), 2, 2)
    managers.take(news("c", "draining", block="1"), 6.0)
    assert (managers.draining_blocks, managers.slots, managers.slots_per_block) == (("0", "1"), 0, 2)
    for name, block in (("a", "0"), ("c", "1")):
        managers.take(news(name, "ended", block=block), 7.0)
    assert managers.draining_blocks == ("0",)
    managers.take(news("d", block="0"), 8.0)
    assert managers.draining_blocks == ()


def test_a_manager_that_connects_again_drains_no_longer() -> None:
    managers = connected(("a", "0"))
    managers.take(news("a", "draining"), 6.0)
    managers.take(news("a"), 7.0)
    assert (managers.draining_blocks, managers.slots) == ((), 2)


def test_the_blocks_of_managers() -> None:
    managers = connected(("a", "0"), ("b", "0"), ("c", "1"), ("d", "2"))
    assert managers.blocks_of([b"b", b"a", b"d", b"gone"]) == ("0", "2")
