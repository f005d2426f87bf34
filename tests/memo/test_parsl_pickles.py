"""Checkpoints that Parsl wrote are read, and Parsl reads ours."""

from __future__ import annotations

import os
import pickle
import random
import re
import subprocess
import sys
from collections import OrderedDict
from datetime import date
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest

from parsl_like.journal.errors import DamagedRecord, UntrustedFile
from parsl_like.memo.canonical import id_for_memo
from parsl_like.memo.keys import Call
from parsl_like.memo.parsl_keys import DIALECTS, parsl_key, parsl_key_of, parsl_keys_of
from parsl_like.memo.parsl_pickles import ParslFile, write_parsl
from parsl_like.memo.store import Entry, Store
from parsl_like.remote.bash import BashCommand
from parsl_like.remote.timeout import Walltimed
from tests.fuzz.budget import little_memory

BESIDE = Path(__file__).resolve().parent.parent.parent / "build" / "parsl" / "bin" / "python"


def hashed(number: int) -> str:
    return f"{number:032x}"


def write(path: Path, *values: Any, protocol: int = 4) -> Path:
    with path.open("wb") as file:
        for number, value in enumerate(values):
            pickle.dump({"hash": hashed(number), "exception": None, "result": value}, file, protocol)
    path.chmod(0o600)
    return path


def loaded(folder: Path, told: list[str] | None = None) -> Store:
    store = Store(folder / "own", [folder], warn=(told if told is not None else []).append)
    store.load()
    return store


class Trap:
    """Says so when it is rebuilt."""

    sprung = 0

    def __reduce__(self) -> Any:
        return spring, ()


def spring() -> str:
    Trap.sprung += 1
    return "sprung"


VALUES = [0, "text", None, {"a": [1, (2, 3)]}, OrderedDict(a=1), date(2026, 11, 22), {1, 2}, b"x" * 100_000, range(3)]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_results_of_every_protocol_are_had(tmp_path: Path, protocol: int) -> None:
    write(tmp_path / "tasks.pkl", *VALUES, protocol=protocol)
    store = loaded(tmp_path)
    assert store.has_parsl
    assert [store.value(hashed(number)) for number in range(len(VALUES))] == VALUES
    assert store.facts(hashed(3)).name == ""
    assert {each.path for each in store.listed()} == {str(tmp_path / "tasks.pkl")}
    assert max(each.size for each in store.listed()) > 100_000
    store.close()


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_damaged_byte_does_not_make_an_unpickler_ask_for_much_memory(tmp_path: Path, protocol: int) -> None:
    """BINPUT becomes LONG_BINPUT, and what follows it a place in the table of what has been made."""
    path = write(tmp_path / "tasks.pkl", *VALUES, protocol=protocol)
    data = path.read_bytes()
    begin = data.index(hashed(3).encode())
    place = data.index(b"q", data.index(b"result", begin))
    path.write_bytes(data[:place] + b"r" + data[place + 1 :])
    told: list[str] = []
    with little_memory(len(data), free=4_000_000):
        store = loaded(tmp_path, told)
    assert [number for number in range(len(VALUES)) if hashed(number) not in store] == [3]
    assert "damaged in 1 place" in told[0]
    store.close()


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_flipped_bit_anywhere_costs_little_of_a_file(tmp_path: Path, protocol: int) -> None:
    """One result, as a rule; two where a text swallows what follows."""
    path = write(
        tmp_path / "tasks.pkl",
        *[{"number": number, "text": str(number) * 9} for number in range(20)],
        protocol=protocol,
    )
    data = path.read_bytes()
    chance = random.Random(protocol)
    for _ in range(200):
        place, bit = chance.randrange(len(data)), chance.randrange(8)
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
        file = ParslFile(str(path))
        assert len(list(file.index())) >= 18, (place, bit)
        file.close()


def test_a_large_value_whose_memo_is_long_is_had(tmp_path: Path) -> None:
    many = [(number, str(number)) for number in range(70_000)]
    write(tmp_path / "tasks.pkl", 1, many, "rather long text", 2, protocol=3)
    store = loaded(tmp_path)
    assert [store.value(hashed(number)) for number in range(4)] == [1, many, "rather long text", 2]
    store.close()


def test_loading_runs_no_code_of_values(tmp_path: Path) -> None:
    Trap.sprung = 0
    write(tmp_path / "tasks.pkl", Trap(), [Trap()], {"a": Trap()})
    store = loaded(tmp_path)
    assert len(store) == 3
    assert Trap.sprung == 0
    assert store.value(hashed(1)) == ["sprung"]
    assert Trap.sprung == 1
    store.close()


def test_values_of_classes_that_are_not_there_cost_nobody_else(tmp_path: Path) -> None:
    write(tmp_path / "tasks.pkl", 1, Trap(), 3)
    content = (tmp_path / "tasks.pkl").read_bytes()
    (tmp_path / "tasks.pkl").write_bytes(content.replace(b"spring", b"absent"))
    store = loaded(tmp_path)
    assert [store.value(hashed(number)) for number in (0, 2)] == [1, 3]
    with pytest.raises(DamagedRecord, match="absent"):
        store.value(hashed(1))
    store.close()


def test_failures_are_not_results(tmp_path: Path) -> None:
    with (tmp_path / "tasks.pkl").open("wb") as file:
        pickle.dump({"hash": hashed(0), "exception": ValueError("no"), "result": None}, file)
        pickle.dump({"hash": None, "exception": None, "result": 1}, file)
        pickle.dump({"hash": hashed(2), "exception": None}, file)
        pickle.dump(["not a task"], file)
        pickle.dump({"hash": hashed(4), "exception": None, "result": 4}, file)
    (tmp_path / "tasks.pkl").chmod(0o600)
    store = loaded(tmp_path)
    assert len(store) == 1
    assert store.value(hashed(4)) == 4
    store.close()


def test_the_last_result_of_a_key_counts(tmp_path: Path) -> None:
    with (tmp_path / "tasks.pkl").open("wb") as file:
        for value in "ab":
            pickle.dump({"hash": hashed(0), "exception": None, "result": value}, file)
    (tmp_path / "tasks.pkl").chmod(0o600)
    store = loaded(tmp_path)
    assert store.value(hashed(0)) == "b"
    store.close()


@pytest.mark.parametrize("protocol", [3, 4])
def test_a_torn_end_costs_what_is_torn(tmp_path: Path, protocol: int) -> None:
    path = write(tmp_path / "tasks.pkl", *VALUES[:6], protocol=protocol)
    content = path.read_bytes()
    write(tmp_path / "tasks.pkl", *VALUES[:5], protocol=protocol)
    whole = path.stat().st_size
    for size in range(whole + 1, len(content)):
        path.write_bytes(content[:size])
        file = ParslFile(str(path))
        assert [offset < whole for _, offset in file.index()] == [True] * 5
        assert (file.torn, file.damaged) == (size - whole, 0)
        file.close()


@pytest.mark.parametrize("protocol", [3, 4])
def test_a_damaged_result_costs_itself(tmp_path: Path, protocol: int) -> None:
    path = write(tmp_path / "tasks.pkl", *range(20), protocol=protocol)
    one = path.stat().st_size // 20
    content = bytearray(path.read_bytes())
    content[5 * one] ^= 0xFF
    path.write_bytes(content)
    told: list[str] = []
    store = loaded(tmp_path, told)
    assert len(store) == 19
    assert store.value(hashed(19)) == 19
    assert len(told) == 1
    store.close()


def test_one_of_others_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "tasks.pkl", 1)
    path.chmod(0o666)
    with pytest.raises(UntrustedFile):
        ParslFile(str(path))
    store = loaded(tmp_path)
    assert len(store) == 0
    store.close()


def test_an_empty_one_holds_nothing(tmp_path: Path) -> None:
    write(tmp_path / "tasks.pkl")
    store = loaded(tmp_path)
    assert (len(store), store.has_parsl) == (0, False)
    store.close()


def test_results_of_parsl_are_carried_over(tmp_path: Path) -> None:
    write(tmp_path / "tasks.pkl", *VALUES)
    store = loaded(tmp_path)
    for number in range(len(VALUES)):
        store.carry(hashed(number))
    assert store.flush()
    assert store.value(hashed(3)) == VALUES[3]
    store.close()
    (tmp_path / "tasks.pkl").unlink()
    after = loaded(tmp_path / "own")
    assert [after.value(hashed(number)) for number in range(len(VALUES))] == VALUES
    assert not after.has_parsl
    after.close()


def test_a_checkpoint_for_parsl_is_written_in_one_step(tmp_path: Path) -> None:
    path = str(tmp_path / "tasks.pkl")
    assert write_parsl(path, [(hashed(0), 1), (hashed(1), lambda: 2)]) == 2
    with pytest.raises(RuntimeError, match="in between"):
        write_parsl(path, broken())
    assert os.listdir(tmp_path) == ["tasks.pkl"]
    store = loaded(tmp_path)
    assert (store.value(hashed(0)), store.value(hashed(1))()) == (1, 2)
    store.close()


def broken() -> Any:
    yield hashed(0), 5
    raise RuntimeError("in between")


# --- keys


def test_who_does_not_know_a_type_has_no_key() -> None:
    assert parsl_key(spring, ({1, 2},), {}) is None
    assert parsl_key(spring, (), {"a": {1: 2, "b": 3}}) is None
    assert parsl_key("no function", (), {}) is None
    assert parsl_key(spring, ({1, 2},), {}, identify=lambda value, _: repr(value).encode()) is not None


def test_what_is_ignored_does_not_count() -> None:
    with_it, without = parsl_key(spring, (1,), {"a": 1}, ["a", "b"]), parsl_key(spring, (1,), {})
    assert with_it == without != parsl_key(spring, (1,), {"a": 1})


class Coloured:
    def __init__(self, colour: str) -> None:
        self.colour = colour


class Plain:
    pass


@id_for_memo.register(Coloured)
def _(value: Coloured, output_ref: bool = False) -> bytes:
    return f"{value.colour} {output_ref}".encode()


def test_a_call_of_ours_has_parsls_key_whatever_it_is_wrapped_in() -> None:
    bare = parsl_key(spring, (1,), {"a": 2})
    assert parsl_key_of(Call(spring, "spring", (1,), {"a": 2, "b": 3}, frozenset({"b"}))) == bare
    assert parsl_key_of(Call(Walltimed(spring, 5), "spring", (1,), {"a": 2}, version="7")) == bare
    assert parsl_key_of(Call(BashCommand(spring, "spring"), "spring", (1,))) == parsl_key(spring, (1,), {}, bash=True)
    assert parsl_key(spring, (1,), {}, bash=True) != parsl_key(spring, (1,), {})


def test_types_that_a_program_has_registered_count_as_they_do_for_parsl() -> None:
    def identify(value: Any, output_ref: bool) -> bytes:
        return id_for_memo(value, output_ref=output_ref)

    expected = parsl_key(spring, (Coloured("red"),), {"outputs": [Coloured("blue")]}, identify=identify)
    assert expected is not None
    assert parsl_key_of(Call(spring, "", (Coloured("red"),), {"outputs": [Coloured("blue")]})) == expected
    assert parsl_key_of(Call(spring, "", (Plain(),))) is None
    assert parsl_key_of(Call(spring, "", (b"not known to Parsl",))) is None


TWICE = """
@{package}.python_app(cache=True)
def twice(x, y=0):
    return x * 2 + y
"""
OF_TODAY = {(0,): "9bf19c94f2c1495c1c19db15dffe5104", (2, 3): "4c3f68b927a731a23b58d1a783056dc2"}
OF_1_2 = {(0,): "22fe728ddad2b9bc0a92b0f29260e699", (2, 3): "b2d78d92daa09ac786e060a9eaa20b0a"}
"""What Parsl 2026.10.26 and 1.2.0 wrote for ``twice(0)`` and ``twice(2, y=3)``, on Python 3.11."""


@pytest.mark.parametrize("package", ["parsl", "parsl_like"])
@pytest.mark.parametrize("arguments", OF_TODAY)
def test_the_keys_of_both_versions_are_known(tmp_path: Path, package: str, arguments: tuple[int, ...]) -> None:
    program = tmp_path / "program.py"
    program.write_text(TWICE.format(package=package))
    names: dict[str, Any] = {"__name__": "__main__", package: SimpleNamespace(python_app=lambda cache: StandInApp)}
    exec(compile(program.read_text(), str(program), "exec"), names)
    function = names["twice"].function
    call = Call(function, "twice", arguments[:1], dict(zip(["y"], arguments[1:], strict=False)))
    keys = list(parsl_keys_of(call))
    assert keys[0] == OF_TODAY[arguments] == parsl_key_of(call)
    assert OF_1_2[arguments] in keys
    assert len(set(keys)) == len(keys)


class StandInApp:
    """What a decorator of the program makes, of which only the function is of interest."""

    def __init__(self, function: FunctionType) -> None:
        self.function = function


def test_a_call_with_a_version_of_its_own_has_no_key_of_parsls() -> None:
    assert list(parsl_keys_of(Call(spring, "spring")))
    assert list(parsl_keys_of(Call(spring, "spring", version="2"))) == []
    assert list(parsl_keys_of(Call(spring, "spring", environment=b"2"))) == []


def test_a_function_without_a_source_has_only_the_key_of_today() -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    exec("def typed(x): return x", names)
    of_today = [dialect for dialect in DIALECTS if not dialect.by_source]
    keys = [parsl_key(names["typed"], (1,), {}, dialect=dialect) for dialect in of_today]
    assert list(parsl_keys_of(Call(names["typed"], "typed", (1,)))) == keys
    keys = [parsl_key(spring, (), {}, bash=True, dialect=dialect) for dialect in of_today]
    assert list(parsl_keys_of(Call(BashCommand(spring, "spring"), "spring"))) == keys


# --- the real Parsl

PROGRAM = """
import sys
import parsl
from parsl import Config, File, bash_app, join_app, python_app
from parsl.dataflow.memoization import BasicMemoizer, id_for_memo
from parsl.executors import ThreadPoolExecutor

@id_for_memo.register(File)
def _(file, output_ref=False):
    return f"{file.url} {output_ref}".encode()

def inner(x):
    return x

@python_app(cache=True)
def add(*args, **kwargs):
    ran.append("add")
    return ["added", len(args)]

@python_app(cache=True)
def special(x, inputs=(), outputs=(), stdout=None, stderr=None, walltime=50):
    ran.append("special")
    return {"special": x}

@python_app(cache=True, ignore_for_cache=["noise"])
def noisy(x, noise=0):
    ran.append("noisy")
    return x * 2

@bash_app(cache=True)
def shell(word, stderr=None):
    ran.append("shell")
    return f"test {word} = x"

@join_app(cache=True)
def joined(x):
    ran.append("joined")
    return add(x)

ran = []
CALLS = [
    (add, (), {}), (add, (1, 2.5, None, True, "text"), {}), (add, ([1, (2,)], {"b": 1, "a": {}}), {"z": 1, "y": []}),
    (add, (inner,), {}), (add, (File("/tmp/a"),), {"inputs": [File("/tmp/b")]}), (special, (1,), {}),
    (special, (1,), {"walltime": 60}), (noisy, (4,), {"noise": 1}), (shell, ("x",), {}), (joined, (9,), {}),
]

if __name__ == "__main__":
    files = sys.argv[1:] or None
    memoizer = BasicMemoizer(checkpoint_mode="task_exit", checkpoint_files=files)
    with parsl.load(Config(executors=[ThreadPoolExecutor()], memoizer=memoizer)):
        for app, args, kwargs in CALLS:
            print(app(*args, **kwargs).result())
    print(sorted(ran))
"""


@pytest.fixture
def parsl_python() -> str:
    found = os.environ.get("PARSL_PYTHON") or (str(BESIDE) if BESIDE.exists() else None)
    if found is None:
        pytest.skip("needs today's Parsl: .ci/parsl-oracle installs it into build/parsl; PARSL_PYTHON names another")
    return found


def run_parsl(python: str, program: Path, *args: str) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [python, str(program), *args]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=100, cwd=program.parent, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.integration
def test_results_of_the_real_parsl_are_found_under_the_keys_of_the_same_calls(
    tmp_path: Path, parsl_python: str
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    said = run_parsl(parsl_python, program)
    store = loaded(tmp_path / "runinfo" / "000")
    names, calls = namespace()
    keys = [key_of(names, *call) for call in calls]
    assert [str(store.value(key)) for key in keys] == said[: len(calls)]
    store.close()


@pytest.mark.integration
def test_the_real_parsl_finds_our_results_and_runs_nothing(tmp_path: Path, parsl_python: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    names, calls = namespace()
    store = Store(tmp_path / "ours", warn=pytest.fail)
    for number, call in enumerate(calls):
        alias = bytes.fromhex(key_of(names, *call))
        store.add(
            [Entry(f"b2:{number:040x}", (("name", b"n" * 16), ("parsl", alias)), "app", number, ["ours", number])]
        )
    store.close()
    said = run_parsl(parsl_python, program, str(tmp_path / "ours"))
    assert said == [*(f"['ours', {number}]" for number in range(len(calls))), "[]"]
    results = [(key_of(names, *call), number) for number, call in enumerate(calls)]
    (tmp_path / "written").mkdir()
    write_parsl(str(tmp_path / "written" / "tasks.pkl"), results)
    said = run_parsl(parsl_python, program, str(tmp_path / "written"))
    assert said == [*(str(number) for number in range(len(calls))), "[]"]


@pytest.mark.integration
def test_a_program_has_the_results_that_it_computed_with_the_real_parsl(tmp_path: Path, parsl_python: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    said = run_parsl(parsl_python, program)
    assert said[-1] != "[]"
    program.write_text(re.sub(r"\bparsl\b", "parsl_like", PROGRAM))
    for _ in range(2):  # the second run has them from the checkpoint of the first, too
        done = subprocess.run(
            [sys.executable, str(program)], capture_output=True, text=True, check=False, timeout=100, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [*said[:-1], "[]"]


@pytest.mark.integration
def test_the_real_parsl_has_the_results_that_a_program_computed_with_us(tmp_path: Path, parsl_python: str) -> None:
    program = tmp_path / "program.py"
    ours = re.sub(r"\bparsl\b", "parsl_like", PROGRAM)
    program.write_text(ours.replace("memoizer=memoizer", "memoizer=memoizer, checkpoint_for_parsl=True"))
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, check=False, timeout=100, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[-1] != "[]"
    program.write_text(PROGRAM)
    assert run_parsl(parsl_python, program, str(tmp_path / "runinfo" / "000" / "checkpoint")) == [*said[:-1], "[]"]


class StandIn:
    """An app of the program's, of which only the function is of interest."""

    def __init__(self, function: FunctionType, ignored: list[str], bash: bool) -> None:
        self.function, self.ignored, self.bash = function, ignored, bash


class StandInFile:
    def __init__(self, url: str) -> None:
        self.url = url


def namespace() -> tuple[dict[str, Any], list[tuple[StandIn, tuple[Any, ...], dict[str, Any]]]]:
    """The program's names and calls, without Parsl."""

    def app(cache: bool, ignore_for_cache: list[str] | None = None, *, bash: bool = False) -> Any:
        return lambda function: StandIn(function, ignore_for_cache or [], bash)

    names: dict[str, Any] = {
        "__name__": "__main__",
        "File": StandInFile,
        "python_app": app,
        "join_app": app,
        "bash_app": lambda cache: app(cache, bash=True),
    }
    definitions = PROGRAM.split("def inner")[1].split("if __name__", maxsplit=1)[0]
    exec(f"def inner{definitions}", names)
    return names, names["CALLS"]


def key_of(names: dict[str, Any], app: StandIn, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    def identify(value: Any, output_ref: bool) -> bytes:
        return f"{value.url} {output_ref}".encode()

    key = parsl_key(app.function, args, kwargs, app.ignored, identify, bash=app.bash)
    assert key is not None
    assert names["__name__"] == app.function.__module__
    return key


@pytest.mark.skipif(sys.platform == "win32", reason="files have no modes there")
def test_what_is_written_for_parsl_is_its_users_alone(tmp_path: Path) -> None:
    write_parsl(str(tmp_path / "tasks.pkl"), [])
    assert (tmp_path / "tasks.pkl").stat().st_mode & 0o777 == 0o600
