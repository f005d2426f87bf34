"""What a task raised comes back as itself where it can, as text where it cannot, and always with its traceback."""

from __future__ import annotations

import dataclasses
import itertools
import pickle
import sys
import threading
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.errors import BashExitFailure, RemoteError, TaskExit, WorkerLost
from parsl_like.serialize import RemoteTraceback, pack_failure, unpack_failure
from parsl_like.serialize.failures import MAX_MESSAGE, MAX_TRACEBACK


class NeedsTwo(Exception):
    def __init__(self, code: int, place: str) -> None:
        super().__init__(f"code {code} at {place}")
        self.code, self.place = code, place


class Doubles(Exception):
    """Pickles without complaint, and comes back with another message."""

    def __init__(self, what: str) -> None:
        super().__init__(f"cannot do {what}")


class KeywordOnly(ValueError):
    def __init__(self, *, code: int) -> None:
        super().__init__("keyword only")
        self.code = code


class Unfinished(Exception):
    """Does not even call its base's constructor."""

    def __init__(self, code: int) -> None:
        self.code = code


class OfTheSystem(OSError):
    def __init__(self, path: str) -> None:
        super().__init__(2, "no such thing", path)


class Slotted(Exception):
    __slots__ = ("code",)

    def __init__(self, code: int) -> None:
        super().__init__("slotted")
        self.code = code


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    code: int


class Spoken(KeyError):
    def __str__(self) -> str:
        return f"no entry for {self.args[0]}"


class CannotSpeak(Exception):
    def __str__(self) -> str:
        raise ValueError("str() is broken")


class ExitsWhenSpeaking(Exception):
    def __str__(self) -> str:
        raise SystemExit(1)


class Bomb(Exception):
    """Survives its round trip where it is raised, and raises on arrival elsewhere."""

    armed = False

    def __init__(self, text: str) -> None:
        if Bomb.armed:
            raise SystemExit(text)
        super().__init__(text)


class Impostor(Exception):
    def __reduce__(self) -> Any:
        return str, ("not an exception",)


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001
        return caught


def there_and_back(error: BaseException) -> BaseException:
    return unpack_failure(pack_failure(raised(error)))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("plain", 3),
        KeyError("k"),
        NeedsTwo(3, "here"),
        Doubles("it"),
        KeywordOnly(code=4),
        Unfinished(5),
        OfTheSystem("/nowhere"),
        Slotted(6),
        Frozen(7),
        Spoken("x"),
        CannotSpeak(1),
        Impostor("x"),
        FileNotFoundError(2, "no such file", "a", None, "b"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        ImportError("no", name="n", path="p"),
        StopIteration(3),
        AttributeError("no"),
        SyntaxError("bad", ("file.py", 1, 2, "text", 1, 3)),
        ZeroDivisionError(),
        RecursionError("deep"),
        MemoryError(),
        BashExitFailure("app", 3, command="false", stderr="e", stderr_tail="oops"),
        WorkerLost(1, "host", exitcode=-9),
        ExceptionGroup("many", [ValueError(1), ExceptionGroup("more", [KeyError("k")])]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_exceptions_that_come_back_as_themselves(error: Exception) -> None:
    attributes = dict(error.__dict__)
    back = there_and_back(error)
    assert type(back) is type(error)
    assert repr(back) == repr(error)
    assert back.args == error.args or isinstance(error, ExceptionGroup)
    assert dict(back.__dict__).keys() == attributes.keys()
    assert isinstance(back.__cause__, RemoteTraceback)
    for name in ("code", "place", "errno", "filename", "filename2", "name", "path", "value", "reason", "exitcode"):
        assert getattr(back, name, None) == getattr(error, name, None)


def test_notes_travel() -> None:
    error = ValueError("x")
    error.add_note("while reading row 3")
    back = there_and_back(error)
    assert back.__notes__ == ["while reading row 3"]
    assert "while reading row 3" in str(back.__cause__)


@given(st.lists(st.text() | st.integers() | st.none() | st.tuples(st.text())).map(tuple))
def test_arguments_travel(args: tuple[Any, ...]) -> None:
    back = there_and_back(ValueError(*args))
    assert type(back) is ValueError
    assert back.args == args


def test_the_traceback_shows_the_users_lines() -> None:
    back = there_and_back(ValueError("x"))
    text = str(back.__cause__)
    assert text.startswith("Traceback (most recent call last):\n")
    assert "raise error" in text
    assert text.rstrip().endswith("ValueError: x")
    shown = "".join(traceback.format_exception(back))
    assert "raise error" in shown
    assert "direct cause" in shown


def test_the_chain_of_causes_is_in_the_text() -> None:
    def chained() -> None:
        try:
            {}["missing"]
        except KeyError as error:
            raise ValueError("outer") from error

    with pytest.raises(ValueError, match="outer") as caught:
        chained()
    back = unpack_failure(pack_failure(caught.value))
    assert repr(back.__cause__) == repr(KeyError("missing"))
    text = str(back.__cause__.__cause__)
    assert "KeyError: 'missing'" in text
    assert "direct cause" in text


def chain_of(*errors: Exception) -> Exception:
    for error, cause in itertools.pairwise(errors):
        BaseException.__dict__["__cause__"].__set__(error, cause)
    return errors[0]


def causes_of(error: BaseException) -> list[BaseException]:
    """All that an exception that came back was raised from; the remote traceback is at the end, and only there."""
    found = []
    while (cause := error.__cause__) is not None:
        found.append(error := cause)
    assert [isinstance(cause, RemoteTraceback) for cause in found] == [False] * (len(found) - 1) + [True]
    return found[:-1]


@pytest.mark.parametrize(
    ("errors", "arrive"),
    [
        ([ValueError(1)], []),
        ([ValueError(1), NeedsTwo(2, "x"), Frozen(3), KeyError(4)], [NeedsTwo, Frozen, KeyError]),
        ([ValueError(1), KeyError(2), ValueError(threading.Lock()), KeyError(4)], [KeyError]),
        ([ValueError(1), KeyError(2), KeyboardInterrupt()], [KeyError]),
        ([ValueError(1), KeyError("x" * 600_000), KeyError("x" * 600_000)], [KeyError]),
        ([ValueError(number) for number in range(40)], [ValueError] * 20),
    ],
    ids=["none", "some", "one that cannot", "one that ends a process", "large ones", "many"],
)
def test_what_it_was_raised_from_travels_too(errors: list[Exception], arrive: list[type]) -> None:
    back = there_and_back(chain_of(*errors))
    assert [type(cause) for cause in causes_of(back)] == arrive
    assert [cause.args for cause in causes_of(back)] == [error.args for error in errors[1 : len(arrive) + 1]]


def test_exceptions_that_are_each_others_cause_end() -> None:
    one, other = ValueError(1), KeyError(2)
    back = unpack_failure(pack_failure(chain_of(one, other, one)))
    assert [repr(cause) for cause in causes_of(back)] == [repr(other)]


@pytest.mark.parametrize("body", [pickle.dumps(7), b"garbage"], ids=["no exception", "no pickle"])
def test_a_cause_that_cannot_be_rebuilt_is_left_to_the_text(body: bytes) -> None:
    report = list(pickle.loads(pack_failure(chain_of(ValueError(1), KeyError(2), KeyError(3)))))
    report[-1][1] = body
    back = unpack_failure(pickle.dumps(tuple(report)))
    assert [repr(cause) for cause in causes_of(back)] == [repr(KeyError(2))]


# --- exceptions that cannot come back as themselves


def with_attribute(value: object) -> ValueError:
    error = ValueError("x")
    error.held = value  # type: ignore[attr-defined]
    return error


def holding_itself() -> Exception:
    error = ValueError("ring")
    error.args = (error,)
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (with_attribute(threading.Lock()), "cannot be pickled: TypeError: cannot pickle '_thread.lock' object"),
        (ValueError("x", threading.Lock()), "cannot be pickled"),
        (ValueError("x" * 2_000_000), "it holds 2000"),
        (ExceptionGroup("many", [NeedsTwo(1, "x")]), "NeedsTwo"),
        (ExceptionGroup("many", [Doubles("x")]), "its message changes"),
    ],
    ids=["lock", "argument", "huge", "group", "group-changed"],
)
def test_exceptions_that_travel_as_text(error: Exception, reason: str) -> None:
    back = there_and_back(error)
    assert isinstance(back, RemoteError)
    assert back.type_name == type(error).__name__
    assert reason in back.reason
    assert "raise error" in back.traceback_text
    assert "raise error" in str(back)


def test_an_exception_that_holds_itself() -> None:
    back = there_and_back(holding_itself())
    assert isinstance(back, RemoteError)
    assert back.type_name == "ValueError"
    assert "RecursionError" in back.reason


def test_a_class_that_is_not_there_where_it_arrives() -> None:
    body = pack_failure(raised(NeedsTwo(1, "x"))).replace(b"NeedsTwo", b"NeedsTri")
    back = unpack_failure(body)
    assert isinstance(back, RemoteError)
    assert "cannot be rebuilt here: AttributeError" in back.reason
    assert back.message == "code 1 at x"


def test_a_bomb_that_goes_off_on_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    body = pack_failure(raised(Bomb("tick")))
    monkeypatch.setattr(Bomb, "armed", True)
    back = unpack_failure(body)
    assert isinstance(back, RemoteError)
    assert (back.type_name, back.message) == (f"{__name__}.Bomb", "tick")
    assert "SystemExit" in back.reason


def test_huge_messages_are_bounded() -> None:
    error = ValueError("first " + "x" * 20_000_000 + " last")
    body = pack_failure(raised(error))
    assert len(body) < MAX_MESSAGE + MAX_TRACEBACK + 10_000
    back = unpack_failure(body)
    assert isinstance(back, RemoteError)
    assert back.message.startswith("first x")
    assert back.message.endswith("x last")
    assert "characters left out" in back.message


@pytest.mark.parametrize("error", [CannotSpeak("x"), ExitsWhenSpeaking("x")], ids=lambda error: type(error).__name__)
def test_exceptions_that_cannot_say_what_they_are(error: Exception) -> None:
    back = there_and_back(error)
    assert type(back) is type(error)
    assert "raise error" in str(back.__cause__)


# --- exceptions that would end the process


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), KeyboardInterrupt(), GeneratorExit("x"), BaseExceptionGroup("g", [KeyboardInterrupt()])],
    ids=lambda error: type(error).__name__,
)
def test_what_ends_a_process_comes_back_as_an_error(error: BaseException) -> None:
    back = there_and_back(error)
    assert isinstance(back, TaskExit)
    assert back.type_name == type(error).__name__
    assert back.message == str(error)
    assert "raise error" in back.traceback_text


# --- deep stacks


def dive() -> None:
    dive()


def test_a_recursion_error_keeps_its_traceback_short() -> None:
    with pytest.raises(RecursionError) as caught:
        dive()
    back = unpack_failure(pack_failure(caught.value))
    assert type(back) is RecursionError
    text = str(back.__cause__)
    assert "in dive" in text
    assert "Previous line repeated" in text
    assert len(text) < 5_000


def test_a_million_frames_keep_the_innermost_ones() -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        with pytest.raises(ValueError, match="bottom") as caught:
            ping(8_000)
    finally:
        sys.setrecursionlimit(limit)
    body = pack_failure(caught.value)
    assert len(body) < MAX_TRACEBACK + MAX_MESSAGE
    text = str(unpack_failure(body).__cause__)
    assert "outer frames are left out" in text
    assert "raise ValueError" in text


def ping(n: int) -> None:
    if n == 0:
        raise ValueError("bottom")
    pong(n - 1)


def pong(n: int) -> None:
    ping(n)


def test_a_report_can_be_made_where_the_stack_is_nearly_used_up() -> None:
    bodies: list[bytes] = []

    def dig() -> None:
        try:
            dig()
        except RecursionError as error:
            if len(bodies) < 400:  # from the bottom, where nothing works, up to where everything does
                bodies.append(pack_failure(error))
            raise

    with pytest.raises(RecursionError):
        dig()
    backs = [unpack_failure(body) for body in bodies]
    assert {type(back) for back in backs} <= {RemoteError, RecursionError}
    assert all("RecursionError" in (getattr(back, "type_name", "") or type(back).__name__) for back in backs)
    assert type(backs[-1]) is RecursionError


# --- reports that are not reports


@given(st.binary())
def test_garbage_is_an_answer_too(body: bytes) -> None:
    assert isinstance(unpack_failure(body), RemoteError)


@given(st.data())
def test_a_torn_report_is_an_answer_too(data: st.DataObject) -> None:
    body = pack_failure(raised(ValueError("x")))
    back = unpack_failure(body[: data.draw(st.integers(0, len(body) - 1))])
    assert isinstance(back, RemoteError)


def test_what_comes_back_can_be_sent_on() -> None:
    back = there_and_back(NeedsTwo(1, "x"))
    again = there_and_back(back)
    assert type(again) is NeedsTwo
    assert "raise error" in str(again.__cause__)
    cause = pickle.loads(pickle.dumps(back.__cause__))
    assert str(cause) == str(back.__cause__)
