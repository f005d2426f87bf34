# ruff: noqa: T201 - what is printed is what is tested
"""What a function prints, in the files of its call: a whole process's, or one thread's."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.errors import BadStdStreamFile
from parsl_like.remote.call import run_call
from parsl_like.remote.capture import Captured, ThreadSwitch
from parsl_like.serialize import pack_call, pack_function, unpack_failure, unpack_function

if TYPE_CHECKING:
    from pathlib import Path


def says(text: str, **_: Any) -> str:
    print(text)
    print(f"error {text}", file=sys.stderr)
    return text


def says_everywhere(_: Any = None) -> None:
    """Through Python, a descriptor, C's buffered stream, and two child processes, in this order."""
    import ctypes

    print("python")
    os.write(1, b"descriptor\n")
    libc = ctypes.CDLL(None)
    libc.printf(b"c stream\n")
    libc.fflush(None)
    subprocess.run(["/bin/echo", "child"], check=True)
    os.system("echo grandchild; echo complaint >&2")
    libc.printf(b"unflushed\n")


def fails(**_: Any) -> None:
    print("before")
    raise ValueError("it went wrong")


def on_thread(function: Callable[[], Any]) -> Any:
    """What a function returns or raises on a thread of its own."""
    ended: list[Any] = []

    def run() -> None:
        try:
            ended.append((function(), None))
        except BaseException as error:  # noqa: BLE001 - raised again where it belongs
            ended.append((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    value, error = ended[0]
    if error is not None:
        raise error
    return value


WHERE = {"process": lambda function: function(), "thread": on_thread}


@pytest.fixture(params=sorted(WHERE))
def where(request: pytest.FixtureRequest) -> Callable[[Callable[[], Any]], Any]:
    return WHERE[request.param]


# --- on a process's main thread and on others alike


def test_what_is_printed_is_in_the_files_and_the_value_comes_back(where: Any, tmp_path: Path) -> None:
    out, err = tmp_path / "new" / "out", tmp_path / "err"
    assert where(lambda: Captured(says)("hello", stdout=str(out), stderr=err)) == "hello"
    assert (out.read_text(), err.read_text()) == ("hello\n", "error hello\n")


def test_the_streams_are_as_they_were_before(where: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    where(lambda: Captured(says)("hidden", stdout=tmp_path / "out", stderr=tmp_path / "err"))
    assert (sys.stdout, sys.stderr) == before
    where(lambda: says("shown"))
    os.write(1, b"descriptor\n")
    assert capfd.readouterr().out == "shown\ndescriptor\n"


def test_only_what_is_asked_for_is_captured(where: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    where(lambda: Captured(says)("hello", stdout=tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "hello\n"
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("", "error hello\n")


@pytest.mark.parametrize(("mode", "expected"), [(None, "1\n2\n"), ("a", "1\n2\n"), ("w", "2\n"), ("wb", "2\n")])
def test_output_is_appended_unless_a_mode_says_otherwise(
    where: Any, tmp_path: Path, mode: str | None, expected: str
) -> None:
    out = tmp_path / "out"
    for text in ("1", "2"):
        where(lambda text=text: Captured(says)(text, stdout=out if mode is None else (out, mode)))
    assert out.read_text() == expected


def test_both_streams_in_one_file_keep_their_order(where: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def alternates(**_: Any) -> None:
        for number in range(3):
            print("out", number)
            print("err", number, file=sys.stderr)

    where(lambda: Captured(alternates)(stdout=(out, "w"), stderr=(str(out), "w")))
    assert out.read_text() == "out 0\nerr 0\nout 1\nerr 1\nout 2\nerr 2\n"


def test_a_traceback_is_written_as_if_the_function_were_a_program(where: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="it went wrong"):
        where(lambda: Captured(fails)(stdout=tmp_path / "out", stderr=tmp_path / "err"))
    assert (tmp_path / "out").read_text() == "before\n"
    lines = (tmp_path / "err").read_text().splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: it went wrong"
    assert "/capture.py" not in "".join(lines)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [("", "cannot be opened"), (("file", "r"), "does not allow writing"), (3, "type int"), (("a",), "tuple of 1")],
)
def test_a_file_that_cannot_be_opened(where: Any, spec: Any, reason: str) -> None:
    before = sys.stdout, sys.stderr
    with pytest.raises(BadStdStreamFile, match=f"stderr.*{reason}"):
        where(lambda: Captured(says)("hello", stdout="out", stderr=spec))
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_file_that_takes_nothing_is_an_error_of_the_task(where: Any, capfd: pytest.CaptureFixture[str]) -> None:
    def without_newline(**_: Any) -> None:
        print("lost", end="")

    with pytest.raises(BadStdStreamFile, match="stdout cannot be written to"):
        where(lambda: Captured(without_newline)(stdout="/dev/full"))
    where(lambda: says("shown"))
    assert capfd.readouterr().out == "shown\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_what_the_function_raised_comes_before_that(where: Any) -> None:
    def writes_and_fails(**_: Any) -> None:
        sys.stdout.write("lost")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        where(lambda: Captured(writes_and_fails)(stdout="/dev/full", stderr="/dev/full"))


def test_characters_that_no_file_can_hold_are_written_as_escapes(where: Any, tmp_path: Path) -> None:
    where(lambda: Captured(says)("é \udc80", stdout=tmp_path / "out", stderr=tmp_path / "err"))
    assert (tmp_path / "out").read_text("utf-8") == "é \\udc80\n"


def test_a_function_that_closes_its_stream_harms_nobody(
    where: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def closes(**_: Any) -> str:
        print("last words")
        sys.stdout.close()
        return "done"

    assert where(lambda: Captured(closes)(stdout=tmp_path / "out")) == "done"
    assert (tmp_path / "out").read_text() == "last words\n"
    where(lambda: says("shown"))
    assert capfd.readouterr().out == "shown\n"


def test_the_function_is_given_the_streams_it_takes_and_no_others(where: Any, tmp_path: Path) -> None:
    def takes_one(stdout: Any = None) -> Any:
        return stdout

    captured = Captured(takes_one, dropped=("stderr",))
    assert where(lambda: captured(stdout="out", stderr="err")) == "out"
    assert os.path.exists("err")


def test_it_is_called_after_its_function() -> None:
    assert Captured(says).__name__ == "says"
    assert Captured(io.StringIO()).__name__ == "StringIO"  # type: ignore[arg-type]


# --- the whole process


def test_c_code_and_child_processes_write_to_the_file_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out, err = tmp_path / "out", tmp_path / "err"
    Captured(says_everywhere, dropped=("stdout", "stderr"))(stdout=out, stderr=err)
    assert out.read_text() == "python\ndescriptor\nc stream\nchild\ngrandchild\nunflushed\n"
    assert err.read_text() == "complaint\n"
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("", "")


def test_what_was_printed_before_stays_outside(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import ctypes

    ctypes.CDLL(None).printf(b"before\n")
    Captured(says)("inside", stdout=tmp_path / "out", stderr=tmp_path / "err")
    assert (tmp_path / "out").read_text() == "inside\n"
    assert capfd.readouterr().out == "before\n"


def test_a_log_handler_that_the_function_leaves_behind_goes_on_working(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kept: list[Any] = []

    def keeps(**_: Any) -> None:
        kept.append(sys.stderr)
        print("inside", file=sys.stderr)

    Captured(keeps)(stderr=tmp_path / "err")
    print("later", file=kept[0], flush=True)
    assert (tmp_path / "err").read_text() == "inside\n"
    assert capfd.readouterr().err == "later\n"


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    def open_now() -> int:
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    Captured(says)("once", stdout=tmp_path / "out", stderr=tmp_path / "err")
    before = open_now()
    for _ in range(10):
        Captured(says)("again", stdout=tmp_path / "out", stderr=tmp_path / "err")
        on_thread(lambda: Captured(says)("again", stdout=tmp_path / "out", stderr=tmp_path / "err"))
    assert open_now() == before


def test_it_travels_as_any_function_does(tmp_path: Path) -> None:
    def local(**_: Any) -> str:
        print("from afar")
        return "value"

    blob = pack_function(Captured(local))
    assert blob.name == "local"
    body, buffers = pack_call((), {"stdout": tmp_path / "out"})
    outcome = run_call(unpack_function(blob.blob), body, buffers)
    assert outcome.ok
    assert (tmp_path / "out").read_text() == "from afar\n"
    failed = run_call(unpack_function(blob.blob), *pack_call((), {"stdout": str(tmp_path)}))
    assert isinstance(unpack_failure(failed.body), BadStdStreamFile)


# --- one thread


def test_threads_print_to_files_of_their_own_at_the_same_time(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    together = threading.Barrier(5, timeout=30)

    def talks(name: str, **_: Any) -> None:
        together.wait()
        for number in range(100):
            print(name, number)
        together.wait()

    calls = [lambda name=name: Captured(talks)(name, stdout=tmp_path / name) for name in "abcd"]
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    together.wait()
    print("the program")
    together.wait()
    for thread in threads:
        thread.join(30)
    for name in "abcd":
        assert (tmp_path / name).read_text() == "".join(f"{name} {number}\n" for number in range(100))
    assert capfd.readouterr().out == "the program\n"
    assert not isinstance(sys.stdout, ThreadSwitch)


def test_a_child_given_the_streams_by_name_writes_to_the_threads_file(tmp_path: Path) -> None:
    def starts(**_: Any) -> None:
        print("first")
        subprocess.run(["/bin/echo", "child"], stdout=sys.stdout, check=True)
        assert not sys.stdout.isatty()

    on_thread(lambda: Captured(starts)(stdout=tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "first\nchild\n"


def test_one_captured_function_may_call_another(where: Any, tmp_path: Path) -> None:
    def outer(**_: Any) -> None:
        print("outer")
        Captured(says)("inner", stdout=tmp_path / "inner", stderr=tmp_path / "inner")
        print("outer again")

    where(lambda: Captured(outer)(stdout=tmp_path / "outer"))
    assert (tmp_path / "outer").read_text() == "outer\nouter again\n"
    assert (tmp_path / "inner").read_text() == "inner\nerror inner\n"


def test_a_switch_that_somebody_has_kept_shows_what_was_there_before(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kept: list[Any] = []

    def keeps(**_: Any) -> None:
        kept.append(sys.stdout)

    on_thread(lambda: Captured(keeps)(stdout=tmp_path / "out"))
    print("later", file=kept[0])
    kept[0].flush()
    assert capfd.readouterr().out == "later\n"


def test_where_there_is_no_stream_at_all_nothing_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    go, inside = threading.Event(), threading.Event()

    def waits(**_: Any) -> None:
        inside.set()
        go.wait(30)

    thread = threading.Thread(target=lambda: Captured(waits)(stdout=tmp_path / "out"))
    thread.start()
    inside.wait(30)
    print("nowhere", flush=True)
    go.set()
    thread.join(30)
    assert sys.stdout is None
    assert (tmp_path / "out").read_text() == ""
