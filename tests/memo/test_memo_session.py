"""The memory of a run: when results are written, when that is acknowledged, what the next run finds."""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.journal.log import LogWriter
from parsl_like.memo.session import MemoOptions, MemoSession
from parsl_like.testing.memo_contract import MemoContract

if TYPE_CHECKING:
    from parsl_like.memo.table import TaskKey

PATIENCE = 30.0
Make = Callable[..., MemoSession]


def work(x: int, y: int = 0) -> int:
    return x + y


def call(*args: Any, function: Callable[..., Any] = work, task: int = 1, **more: Any) -> dict[str, Any]:
    """A task as memories see it."""
    said = {"id": task, "func": function, "func_name": function.__name__, "args": args, "kwargs": {}}
    return {**said, "ignore_for_cache": [], **more}


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes memories, which are closed after the test; each has a folder of its own, ``run0`` and so on."""
    made: list[MemoSession] = []

    def session(mode: str | None = None, *, former: int = 0, **options: Any) -> MemoSession:
        """Of a mode; ``former`` is how many of those before it begins with."""
        folder = tmp_path / f"run{len(made)}" / "checkpoint"
        before = [each.folder for each in made[len(made) - former :]]
        made.append(MemoSession(MemoOptions(mode, **options), folder, before))
        made[-1].start()
        return made[-1]

    yield session
    for each in made:
        each.close()


def remembered(session: MemoSession, *args: Any, value: Any, task: int = 1) -> TaskKey:
    """Have the result of a call remembered."""
    key = session.key(call(*args, task=task))
    acknowledged = threading.Event()
    session.remember(key, value, acknowledged.set)
    assert acknowledged.wait(PATIENCE)
    return key


def stored(session: MemoSession) -> list[Any]:
    """The results in a run's checkpoint, as a program that knows nothing of logs reads them."""
    found, path = [], session.folder / "tasks.pkl"
    if path.exists():
        with path.open("rb") as file:
            while file.peek(1):
                found.append(pickle.load(file)["result"])
    return found


class TestContract(MemoContract):
    """What every memory guarantees."""

    def make_memo(self) -> MemoSession:
        return MemoSession(MemoOptions(), Path("nowhere"))


# --- keys


def test_a_key_says_of_what_it_is(make: Make) -> None:
    key = make().key(call(1, task=7))
    assert key.startswith("b2:")
    assert [label for label, _ in key.parts][:2] == ["name", "function"]
    assert (key.name, key.task) == ("work", 7)


def test_an_environment_is_part_of_every_key(make: Make) -> None:
    keys = {make(environment=marker).key(call(1)) for marker in (None, b"", b"1", b"2")}
    assert len(keys) == 4


def test_files_are_told_apart_as_was_chosen(make: Make, tmp_path: Path) -> None:
    from parsl_like.data_provider.files import File

    path = tmp_path / "input"
    by_content, by_name = make(files="content"), make(files="name")
    keys = []
    for text in ("one", "two"):
        path.write_text(text)
        keys.append([session.key(call(File(str(path)))) for session in (by_content, by_name)])
    assert keys[0][0] != keys[1][0]
    assert keys[0][1] == keys[1][1]


# --- when results are written


@pytest.mark.parametrize("mode", [None, "manual", "dfk_exit", "periodic"])
def test_nothing_is_written_before_its_time(make: Make, mode: str | None) -> None:
    session = make(mode)
    key = remembered(session, 1, value="one")
    assert session.lookup(key) == (True, "one")
    assert not session.folder.exists()
    assert not session.remembers_first


def test_at_the_end_of_each_task(make: Make) -> None:
    session = make("task_exit")
    assert session.remembers_first
    remembered(session, 1, value="one")
    session.catch_up(PATIENCE)
    assert stored(session) == ["one"]


@pytest.mark.parametrize(
    ("mode", "written"), [(None, []), ("manual", []), ("dfk_exit", ["one"]), ("periodic", ["one"])]
)
def test_what_there_is_when_the_run_has_ended(make: Make, mode: str | None, written: list[Any]) -> None:
    session = make(mode)
    remembered(session, 1, value="one")
    session.close()
    assert stored(session) == written


def test_from_time_to_time(make: Make) -> None:
    session = make("periodic", period=0.05)
    remembered(session, 1, value="one")
    written = threading.Event()
    while stored(session) != ["one"]:
        written.wait(0.01)
    remembered(session, 2, value="two")
    while stored(session) != ["one", "two"]:
        written.wait(0.01)


@pytest.mark.parametrize("mode", [None, "manual", "dfk_exit", "periodic", "task_exit"])
def test_when_somebody_asks(make: Make, mode: str | None) -> None:
    session = make(mode)
    for x in range(3):
        remembered(session, x, value=x)
    assert session.checkpoint() == str(session.folder)
    assert stored(session) == [0, 1, 2]
    session.checkpoint()
    assert stored(session) == [0, 1, 2]


def test_results_of_some_tasks(make: Make) -> None:
    session = make("manual")
    for x in range(3):
        remembered(session, x, value=x, task=x)
    session.checkpoint([1])
    assert stored(session) == [1]
    session.checkpoint()
    assert sorted(stored(session)) == [0, 1, 2]


def test_before_a_checkpoint_results_on_their_way_are_brought(make: Make) -> None:
    session = make("manual")

    def bring() -> None:
        remembered(session, 1, value="late")

    session.when_asked = bring
    session.checkpoint()
    assert stored(session) == ["late"]


def test_a_checkpoint_of_nothing_makes_no_file(make: Make) -> None:
    session = make("manual")
    assert session.checkpoint() == str(session.folder)
    assert not session.folder.exists()


# --- acknowledgements


def test_a_result_is_written_as_it_was_when_it_was_acknowledged(make: Make) -> None:
    session = make("task_exit")
    result: list[Any] = [1, 2]
    remembered(session, 1, value=result)
    result.append("the program's own business")
    session.catch_up(PATIENCE)
    assert stored(session) == [[1, 2]]


def test_with_sync_a_result_is_on_disk_when_it_is_acknowledged(make: Make) -> None:
    session = make("task_exit", sync=True)
    for x in range(20):
        remembered(session, x, value=x)
        assert stored(session)[-1] == x


@pytest.mark.parametrize("sync", [False, True])
def test_a_result_that_cannot_be_written_is_acknowledged_and_stays_in_memory(
    make: Make, caplog: pytest.LogCaptureFixture, sync: bool
) -> None:
    session = make("task_exit", sync=sync)
    lock = threading.Lock()
    with caplog.at_level(logging.WARNING):
        key = remembered(session, 1, value=lock)
        other = remembered(session, 2, value=threading.Lock())
        session.catch_up(PATIENCE)
    assert session.lookup(key) == (True, lock)
    assert session.lookup(other)[0]
    assert [record.levelname for record in caplog.records] == ["WARNING"], "one, whatever comes after it"
    assert stored(session) == []


@pytest.mark.parametrize("sync", [False, True])
def test_a_folder_that_cannot_be_made_costs_the_checkpoint_and_no_result(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture, sync: bool
) -> None:
    (tmp_path / "run0").write_text("in the way")
    session = make("task_exit", sync=sync)
    with caplog.at_level(logging.WARNING):
        keys = [remembered(session, x, value=x) for x in range(5)]
        session.catch_up(1.0)
    assert [session.lookup(key) for key in keys] == [(True, x) for x in range(5)]
    assert [record.message for record in caplog.records if "cannot be written" in record.message][1:] == []
    assert "cannot be written: Not a directory" in caplog.text


def test_a_result_that_is_acknowledged_survives_the_program(make: Make) -> None:
    session = make("task_exit")
    for x in range(20):
        remembered(session, x, value=x)
        assert stored(session)[-1] == x


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that takes nothing until this is set."""
    comes_back, append = threading.Event(), LogWriter.append_encoded

    def late(log: LogWriter, records: Any) -> list[int]:
        comes_back.wait(PATIENCE)
        return append(log, records)

    monkeypatch.setattr(LogWriter, "append_encoded", late)
    yield comes_back
    comes_back.set()


def test_a_disk_that_hangs_holds_up_results_for_a_moment_only(
    make: Make, hanging: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parsl_like.memo.session.HELD_SECONDS", 0.05)
    session = make("task_exit")
    keys = [remembered(session, x, value=x) for x in range(3)]
    acknowledged: list[int] = []
    session.remember(session.key(call(3)), 3, lambda: acknowledged.append(3))
    assert acknowledged == [3], "the first ones have shown that it hangs"
    assert [session.lookup(key) for key in keys] == [(True, x) for x in range(3)]
    hanging.set()
    remembered(session, 4, value=4)
    session.catch_up(PATIENCE)
    assert stored(session) == [0, 1, 2, 3, 4]


def test_whatever_waits_is_acknowledged_at_the_end(make: Make, hanging: threading.Event) -> None:
    session = make("task_exit", sync=True)
    acknowledged: list[int] = []
    session.remember(session.key(call(1)), 1, lambda: acknowledged.append(1))
    assert acknowledged == []
    session.close(0.1)
    assert acknowledged == [1]
    hanging.set()
    assert acknowledged == [1], "and once"


# --- the next run


def test_the_next_run_finds_what_this_one_has_written(make: Make) -> None:
    first = make("task_exit")
    key = remembered(first, 1, value=[1, "one"])
    first.close()
    second = make(None, former=1)
    assert second.lookup(second.key(call(1))) == (True, [1, "one"])
    assert second.lookup(second.key(call(2))) == (False, None)
    assert second.key(call(1)) == key
    assert not second.folder.exists(), "it has nothing to write"


@pytest.mark.parametrize("mode", ["task_exit", "dfk_exit", "periodic"])
def test_what_was_recalled_is_in_the_new_checkpoint_too(make: Make, mode: str) -> None:
    first = make("task_exit")
    remembered(first, 1, value="one")
    first.close()
    second = make(mode, former=1)
    assert second.lookup(second.key(call(1))) == (True, "one")
    remembered(second, 2, value="two")
    second.close()
    third = make(None, former=1)
    assert [third.lookup(third.key(call(x))) for x in (1, 2)] == [(True, "one"), (True, "two")]


def test_in_the_mode_manual_what_was_recalled_waits_as_all_the_rest(make: Make) -> None:
    first = make("task_exit")
    remembered(first, 1, value="one")
    first.close()
    second = make("manual", former=1)
    second.lookup(second.key(call(1)))
    assert not second.folder.exists()
    second.checkpoint()
    assert stored(second) == ["one"]


def test_a_later_result_of_the_same_call_counts(make: Make) -> None:
    first = make("task_exit")
    remembered(first, 1, value="old")
    key = remembered(first, 1, value="new")
    assert first.lookup(key) == (True, "new")
    first.close()
    second = make(None, former=1)
    assert second.lookup(key) == (True, "new")


def test_a_damaged_result_is_computed_again(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    first = make("task_exit")
    key = remembered(first, 1, value="a rather long value")
    first.close()
    path = first.folder / "tasks.pkl"
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"rather")] ^= 1
    path.write_bytes(raw)
    with caplog.at_level(logging.WARNING):
        second = make("task_exit", former=1)
        assert second.lookup(key) == (False, None)
    assert "computed again" in caplog.text


def test_what_was_recalled_is_written_once(make: Make) -> None:
    first = make("task_exit")
    remembered(first, 1, value="one")
    first.close()
    second = make("manual", former=1)
    for _ in range(3):
        assert second.lookup(second.key(call(1))) == (True, "one")
        second.checkpoint()
    assert stored(second) == ["one"]


def test_what_is_wrong_is_told_whom_it_concerns(tmp_path: Path) -> None:
    told: list[str] = []
    folder = tmp_path / "run" / "checkpoint"
    session = MemoSession(MemoOptions("task_exit"), folder, warn=told.append)
    session.start()
    remembered(session, 1, value=threading.Lock())
    session.close()
    assert [("a result of work is not in it" in text) for text in told] == [True]


def test_it_ends_once(make: Make) -> None:
    session = make("dfk_exit")
    remembered(session, 1, value="one")
    session.close()
    remembered(session, 2, value="too late")
    session.close()
    assert session.checkpoint() == str(session.folder)
    assert stored(session) == ["one"]


# --- checkpoints of Parsl


@pytest.mark.parametrize("mode", [None, "task_exit", "dfk_exit"])
def test_what_parsl_has_written_is_found_and_is_ours_from_then_on(make: Make, mode: str | None) -> None:
    from parsl_like.memo.keys import Call
    from parsl_like.memo.parsl_keys import parsl_key_of

    first = make("task_exit")
    first.close()
    first.folder.mkdir(parents=True, mode=0o700)
    found = parsl_key_of(Call(work, "work", (1,)))
    assert found is not None
    with (first.folder / "tasks.pkl").open("wb") as file:
        pickle.dump({"hash": found, "exception": None, "result": "of Parsl"}, file)
    second = make(mode, former=1)
    key = second.key(call(1))
    assert second.lookup(key) == (True, "of Parsl")
    assert second.lookup(second.key(call(2))) == (False, None)
    second.close()
    if mode is not None:
        third = make(None, former=1)
        assert third.lookup(third.key(call(1))) == (True, "of Parsl")


# --- keys for whoever asks later


@pytest.mark.parametrize(
    ("mode", "former", "wanted"),
    [
        *((None, 0, False), (None, 1, True), ("manual", 0, True)),
        *(("task_exit", 1, False), ("dfk_exit", 0, False), ("periodic", 0, False)),
    ],
)
def test_who_keeps_no_keys_by_itself_wants_them_noted(make: Make, mode: str | None, former: int, wanted: bool) -> None:
    make("task_exit")
    assert make(mode, former=former).wants_notes is wanted


def test_a_key_of_a_result_that_is_written_forgets_what_it_was_made_of(make: Make) -> None:
    session = make("task_exit")
    key = session.key(call(1))
    assert key.parts
    session.remember(key, 1, lambda: None)
    session.catch_up(PATIENCE)
    assert key.parts == ()
    assert session._store is not None
    assert session._store.parts(key)
