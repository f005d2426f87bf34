"""Foreign text and files: command lines, keys, exit codes, names of jobs, run.json. Only the documented error."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsl_like.core.ports import RunSummary
from parsl_like.dataflow.rundirs import RUN_FILE, finish_run_json
from parsl_like.errors import ConfigurationError
from parsl_like.executors.high_throughput.keys import create_keys, load_keys
from parsl_like.executors.high_throughput.node.worker import Inherited
from parsl_like.executors.high_throughput.options import (
    FLAG,
    Endpoint,
    InterchangeOptions,
    ManagerOptions,
    processor_groups,
)
from parsl_like.providers.job_files import JobFiles
from parsl_like.providers.local_session import LocalJob
from tests.fuzz.budget import budget, little_memory
from tests.fuzz.test_fuzz_messages import mutated

pytestmark = pytest.mark.timeout(900)

MANAGER = ManagerOptions(
    run_id="run", label="htex", logdir="/logs", addresses=(Endpoint("ipc:///a", "ipc:///b"),), block_id="0"
)
INTERCHANGE = InterchangeOptions(
    run_id="run", label="htex", logdir="/logs", driver=Endpoint("a", "b"), driver_pid=1, driver_started=2.0
)
WORDS = st.sampled_from([MANAGER, INTERCHANGE]).map(lambda options: options.to_argv()[1].encode())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=20,
)


@given(
    st.sampled_from([ManagerOptions, InterchangeOptions]),
    mutated(WORDS).map(lambda word: word.decode("latin-1"))
    | JSON.map(lambda value: quote(json.dumps(value)))
    | st.text(max_size=200)
    | st.integers(1, 200_000).map(lambda depth: '{"new":' + "[" * depth),
)
@budget(40)
def test_command_lines(kind: Any, word: str) -> None:
    with little_memory(len(word)):
        try:
            options = kind.from_argv([FLAG, word])
        except ConfigurationError:
            return
    assert kind.from_argv(options.to_argv()) == options


@given(st.lists(st.text(max_size=20) | st.integers().map(str), max_size=9))
@budget(40)
def test_command_lines_of_workers(argv: list[str]) -> None:
    try:
        inherited = Inherited.from_argv(argv)
    except ValueError:
        return
    assert len(inherited.python_path) == len(argv) - len(Inherited(0, 0, 0, 0, 0).to_argv())


@given(st.text(max_size=40) | st.from_regex(r"list:[0-9,:-]{0,20}", fullmatch=True))
@budget(40)
def test_lists_of_processors(text: str) -> None:
    try:
        groups = processor_groups(text)
    except ValueError:
        return
    assert all(groups)


@pytest.fixture(scope="module")
def key() -> bytes:
    with tempfile.TemporaryDirectory() as place:
        create_keys(Path(place) / "keys")
        return (Path(place) / "keys" / "manager.key").read_bytes()


@given(st.data())
@budget(40)
def test_key_files(key: bytes, data: st.DataObject) -> None:
    content = data.draw(
        mutated(st.just(key))
        | st.binary(max_size=300)
        | JSON.map(lambda value: json.dumps(value).encode())
        | st.dictionaries(st.sampled_from(["role", "encrypted", "public", "secret", "peers"]), JSON).map(
            lambda value: json.dumps(value).encode()
        )
        | st.integers(1, 60_000).map(lambda depth: b"[" * depth)
    )
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "manager.key"
        path.touch(mode=0o600)
        path.write_bytes(content)
        try:
            keys = load_keys(place, "manager")
        except ConfigurationError as error:
            shown = f"{error} {error.__cause__}"
            assert json.loads(key)["secret"] not in shown
            return
    assert (len(keys.public), len(keys.secret)) == (40, 40)
    assert keys.secret.decode() not in repr(keys)


@given(
    st.binary(max_size=50)
    | st.integers().map(lambda number: b"%d\n" % number)
    | st.integers(1, 100_000).map(lambda count: b"9" * count)
)
@budget(40)
def test_exit_codes(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        files = JobFiles(Path(place), "job")
        files.exit_code.write_bytes(content)
        code = files.read_exit_code()
    assert code is None or (-128 <= code <= 255 and code == int(content))


@given(
    st.text(max_size=40)
    | st.builds("{}@{}/{}".format, st.integers(), st.text(max_size=9), st.text(max_size=9))
    | st.builds("{}@{}/{}".format, st.just("1" * 5000), st.just("2"), st.just("name"))
    | st.builds(
        "{}@{}/{}".format, st.just("7"), st.just("?"), st.sampled_from(["..", ".", "a/../b", "a\0b", "-x", "$(x)"])
    )
)
@budget(40)
def test_names_of_jobs(job: str) -> None:
    parsed = LocalJob.parse(job)
    if parsed is not None:
        files = JobFiles(Path("/folder"), parsed.name)
        for path in (files.script, files.exit_code, files.extra):
            assert os.path.dirname(os.path.normpath(path)) == "/folder"
        assert LocalJob.parse(str(parsed)) == parsed


@given(st.text(max_size=150))
@budget(40)
def test_files_of_jobs_stay_in_their_folder(wanted: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        files = JobFiles.claim(Path(place), wanted)
        assert files.script.parent == Path(place)
        files.write("text", {})
        assert len(os.listdir(place)) == 5


@given(
    st.binary(max_size=100)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.integers(1, 100_000).map(lambda depth: b"[" * depth)
)
@budget(40)
def test_a_run_file_that_somebody_has_changed(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / RUN_FILE).write_bytes(content)
        finish_run_json(place, RunSummary(states={}, retries={}, losses=0, seconds=0.0, run_dir=place))
        assert "summary" in json.loads((Path(place) / RUN_FILE).read_text())
