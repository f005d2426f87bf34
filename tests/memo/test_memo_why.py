"""Why a task ran again: ten changes, each told for what it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.data_provider.files import File
from parsl_like.memo.entries import Facts
from parsl_like.memo.history import failures_in, memo_fields, past_of, tasks_in
from parsl_like.memo.keys import Call, key_of
from parsl_like.memo.store import Entry, Store
from parsl_like.memo.why import Answer, Asked, Cause, Past, differences, explain

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
LIMIT = 3
def helper(x):
    return x + LIMIT
def around(by):
    def f(x, y=0, **others):
        return by * helper(x) + y
    return f
f = around(2)
"""


def made(source: str) -> Any:
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(source, "program.py", "exec"), names)
    return names["f"]


def call(source: str = SOURCE, *args: Any, version: str | None = None, **options: Any) -> Call:
    return Call(made(source), "f", args or (1,), options, version=version)


def past(call: Call, *, task: int = 0, time: float = 1.0, used: bool = True) -> Past:
    key = key_of(call)
    return Past(Facts(key.text, time, task, call.name, key.parts), "runs/000/checkpoint", used)


def asked(call: Call, *, task: int = 0, state: str = "exec_done", **others: Any) -> Asked:
    key = key_of(call)
    return Asked("runs/001", task, call.name, state, True, key.text, key.parts, **others)


def edited(old: str, new: str) -> str:
    assert old in SOURCE
    return SOURCE.replace(old, new)


@pytest.mark.parametrize(
    ("after", "cause", "changed"),
    [
        (call(edited("+ y", "- y")), Cause.function_changed, ("function",)),
        (call(edited("LIMIT = 3", "LIMIT = 4")), Cause.function_changed, ("global helper",)),
        (call(edited("return x + LIMIT", "return x - LIMIT")), Cause.function_changed, ("global helper",)),
        (call(edited("around(2)", "around(3)")), Cause.function_changed, ("variable by",)),
        (call(edited("y=0", "y=1")), Cause.argument_changed, ("argument y",)),
        (call(SOURCE, 2), Cause.argument_changed, ("argument x",)),
        (call(SOURCE, 1, z=5), Cause.argument_changed, ("argument z",)),
        (call(SOURCE, 1, version="1"), Cause.version_changed, ("version", "function", "variable by", "global helper")),
        (call()._replace(environment=b"3.13"), Cause.environment_changed, ("environment",)),
    ],
)
def test_a_change_is_told_for_what_it_is(after: Call, cause: Cause, changed: tuple[str, ...]) -> None:
    answer = explain(asked(after), [past(call())])
    assert (answer.cause, answer.changed) == (cause, changed)
    assert changed[0].split(" ")[-1] in answer.text
    assert "task 0 (runs/000/checkpoint)" in answer.text


def test_a_version_that_was_raised() -> None:
    answer = explain(asked(call(version="2")), [past(call(version="1"))])
    assert (answer.cause, answer.changed) == (Cause.version_changed, ("version",))
    assert "the version has changed" in answer.text


def test_a_file_that_was_changed(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text("one")
    before = past(call(SOURCE, File(path)))
    path.write_text("two")
    answer = explain(asked(call(SOURCE, File(path))), [before])
    assert (answer.cause, answer.changed) == (Cause.argument_changed, ("argument x",))


def test_the_nearest_result_is_what_it_is_compared_with() -> None:
    others = [past(call(SOURCE, number), task=number) for number in range(10, 15)]
    near = past(call(SOURCE, 7, 1), task=7)
    answer = explain(asked(call(SOURCE, 7, 2)), [*others, near, past(call(SOURCE, 8, 2), task=8)])
    assert answer.changed in (("argument y",), ("argument x",))
    answer = explain(asked(call(SOURCE, 7, 2), task=7), [*others, near, past(call(SOURCE, 8, 2), task=8)])
    assert answer.nearest is near
    assert answer.changed == ("argument y",)


def test_a_task_that_was_not_run() -> None:
    answer = explain(asked(call(), state="memo_done"), [past(call(), task=4)])
    assert answer.cause == Cause.recalled
    assert "of task 4, in runs/000/checkpoint" in answer.text
    assert explain(Asked("runs/001", 0, "f", "memo_done"), []).cause == Cause.recalled


def test_a_task_of_an_app_that_is_not_cached() -> None:
    assert "has no cache=True" in explain(Asked("runs/001", 0, "f", "exec_done", False), []).text
    answer = explain(Asked("runs/001", 0, "f", "exec_done"), [past(call())])
    assert answer.cause == Cause.not_cached


def test_a_call_that_failed_before() -> None:
    before = Asked("runs/000", 0, "f", "failed", reason="ValueError: no")
    answer = explain(asked(call()), [past(call(SOURCE, 5), task=5)], [before])
    assert answer.cause == Cause.failed_before
    assert "task 0 of runs/000" in answer.text
    assert "ValueError: no" in answer.text


def test_a_failure_of_another_call_is_none_of_this_one() -> None:
    key = key_of(call(SOURCE, 9))
    other = Asked("runs/000", 0, "f", "failed", True, key.text, key.parts, reason="no")
    assert explain(asked(call()), [past(call(SOURCE, 5))], [other]).cause == Cause.argument_changed
    same = Asked("runs/000", 3, "f", "failed", True, key_of(call()).text, reason="no")
    assert explain(asked(call()), [past(call(SOURCE, 5))], [other, same]).cause == Cause.failed_before


def test_of_two_equal_results_the_one_that_was_there_counts() -> None:
    for results in ([past(call(), used=False), past(call())], [past(call()), past(call(), used=False)]):
        assert explain(asked(call(), ran="forced"), iter(results)).cause == Cause.forced


def test_a_checkpoint_that_the_run_did_not_begin_with() -> None:
    answer = explain(asked(call()), [past(call(), used=False)])
    assert answer.cause == Cause.checkpoint_missing
    assert "checkpoint_files" in answer.text


def test_checkpoints_that_are_gone() -> None:
    assert explain(asked(call()), [], former_runs=2).cause == Cause.checkpoint_missing


def test_a_call_that_was_never_made() -> None:
    assert explain(asked(call()), [], former_runs=0).cause == Cause.new
    other = past(call()._replace(name="g"))
    assert explain(asked(call()), [other], former_runs=1).cause == Cause.new


def test_a_call_that_was_to_run() -> None:
    assert explain(asked(call(), ran="forced"), [past(call())]).cause == Cause.forced


def test_outputs_that_were_not_there() -> None:
    assert explain(asked(call(), ran="outputs missing"), [past(call())]).cause == Cause.outputs_missing


def test_a_result_that_was_not_used() -> None:
    assert explain(asked(call()), [past(call())]).cause == Cause.not_used


def test_a_task_that_failed_without_a_key() -> None:
    answer = explain(Asked("runs/001", 0, "f", "failed", reason="MemoKeyError: argument x"), [past(call())])
    assert isinstance(answer, Answer)
    assert "MemoKeyError" in answer.text


def test_parts_that_only_one_key_has() -> None:
    one, other = (("name", b"1"), ("argument x", b"2")), (("name", b"1"), ("argument y", b"2"), ("parsl", b"3"))
    assert differences(one, other) == ("argument x", "argument y")
    call_with, call_without = call(SOURCE, 1, z=5), call(SOURCE, 1)
    assert "argument z is new" in explain(asked(call_with), [past(call_without)]).text
    assert "argument z is there no more" in explain(asked(call_without), [past(call_with)]).text


def test_a_task_that_failed_again() -> None:
    before = Asked("runs/000", 0, "f", "failed", reason="ValueError: no")
    answer = explain(Asked("runs/001", 0, "f", "failed", reason="ValueError: no"), [past(call())], [before])
    assert answer.cause == Cause.failed_before


# --- what runs leave on file


def test_results_in_checkpoints_are_found(tmp_path: Path) -> None:
    key = key_of(call())
    folder = tmp_path / "000" / "checkpoint"
    store = Store(folder)
    store.add([Entry(key.text, key.parts, "f", 3, "value")])
    assert store.flush(timeout=60)
    store.close()
    found = list(past_of([str(folder), str(tmp_path / "none")], [os.path.join(tmp_path, "000", ".", "checkpoint")]))
    assert [(each.facts.key, each.facts.task, each.facts.parts, each.used) for each in found] == [
        (key.text, 3, key.parts, True)
    ]
    assert [each.used for each in past_of([str(folder)], [])] == [False]


def test_records_say_what_became_of_tasks(tmp_path: Path) -> None:
    import json

    key = key_of(call())
    lines: list[Any] = [
        {"parsl_like_records": 1, "columns": ["kind", "time", "subject", "fields"]},
        ["task", 1.0, 0, {"app": "f", "executor": "threads", "depends": []}],
        ["task", 1.0, 1, {"app": "g", "executor": "threads", "depends": []}],
        ["memo", 1.5, 0, memo_fields(key.text, key.parts, ran="forced")],
        ["state", 2.0, 0, {"state": "exec_done", "try": 0}],
        ["state", 2.0, 1, {"state": "failed", "try": 0, "reason": "ValueError: no"}],
        ["block", 2.0, "0", {"state": "running"}],
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines) + '["state", 3.0, 0, {"sta'
    (tmp_path / "records.jsonl").write_text(text)
    tasks = tasks_in(str(tmp_path))
    assert tasks[0] == Asked(str(tmp_path), 0, "f", "exec_done", True, key.text, key.parts, ran="forced")
    assert tasks[1] == Asked(str(tmp_path), 1, "g", "failed", reason="ValueError: no")
    assert tasks_in(str(tmp_path), {1}) == {1: tasks[1]}
    assert list(failures_in([str(tmp_path / "none"), str(tmp_path)])) == [tasks[1]]
    assert tasks_in(str(tmp_path / "none")) == {}


@pytest.mark.parametrize("parts", [3, ["ab"], [["argument x", "no digest"]], [["argument x", 4]], {"a": 1}])
def test_a_record_that_is_not_as_it_was_written_is_one_without_parts(tmp_path: Path, parts: Any) -> None:
    import json

    lines = [["task", 1.0, 0, {"app": "f"}], ["memo", 1.5, 0, {"key": "b2:00", "parts": parts}]]
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert tasks_in(str(tmp_path))[0] == Asked(str(tmp_path), 0, "f", cached=True, key="b2:00")
