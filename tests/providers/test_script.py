"""The text of a block's script, run in a real bash."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.providers.script import FILES_VARIABLE, Script

if TYPE_CHECKING:
    from pathlib import Path

AWKWARD = "a 'b' \"c\" $(touch evil) `touch evil` \\ ; \n end"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / AWKWARD.replace("\n", " ")
    folder.mkdir()
    return folder


def start(folder: Path, command: str, **more: Any) -> subprocess.Popen[str]:
    path = folder / "script.sh"
    script = Script(
        name=AWKWARD,
        path=str(path),
        exit_code_path=str(folder / "ec"),
        timeout_path=str(folder / "timeout"),
        directory=more.pop("directory", str(folder)),
        command=command,
        **more,
    )
    path.write_text(script.text())
    return subprocess.Popen(
        ["bash", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def run(folder: Path, command: str, **more: Any) -> tuple[int, str, str, str]:
    process = start(folder, command, **more)
    out, err = process.communicate(timeout=60)
    return process.returncode, (folder / "ec").read_text().strip(), out, err


@pytest.mark.parametrize(
    ("command", "code"), [("true", 0), ("exit 7", 7), ("(exit 9)", 9), ("bash -c 'exit 200'", 200)]
)
def test_the_exit_code_is_the_commands(command: str, code: int, folder: Path) -> None:
    assert run(folder, command) == (code, str(code), "", "")


@pytest.mark.parametrize(("code", "told"), [(99, 1), (100, 1), (98, 98), (0, 0)])
def test_codes_with_another_meaning_are_only_in_the_files(code: int, told: int, folder: Path) -> None:
    assert run(folder, f"exit {code}", words=frozenset({99, 100}))[:2] == (told, str(code))


@pytest.mark.parametrize("worker_init", ["exit 3", "set -e; false; true", "set -eu; echo $undefined"])
def test_worker_init_that_fails_ends_the_block(worker_init: str, folder: Path) -> None:
    code, written, out, _ = run(folder, "echo not reached", worker_init=worker_init)
    assert (code != 0, written, out) == (True, str(code), "")


def test_values_are_quoted(folder: Path) -> None:
    code, _, out, err = run(folder, 'printf "%s" "$VALUE"; pwd -P >&2', exports={"VALUE": AWKWARD})
    assert (code, out) == (0, AWKWARD)
    assert err.rstrip("\n") == str(folder.resolve())
    assert not list(folder.parent.glob("**/evil"))


def test_a_directory_that_is_gone_ends_the_block(folder: Path) -> None:
    code, written, out, err = run(folder, "echo not reached", directory=str(folder / "gone"))
    assert (code, written, out) == (1, "1", "")
    assert "gone" in err


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)],
    ids=str,
)
def test_a_signal_to_the_group_is_no_success(number: signal.Signals, code: int, folder: Path) -> None:
    process = start(folder, "bash -c 'echo ready; exec sleep 60'; true")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode == code
    assert (folder / "ec").read_text() == f"{code}\n"


def test_children_that_are_just_being_made_write_no_exit_code(folder: Path) -> None:
    """A child that is signalled before it has dropped the traps of its parent would run them."""
    for _ in range(20):
        process = start(folder, "echo ready; for i in 1 2 3 4 5 6 7 8; do sleep 0.2 & done; wait")
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)
        assert (process.returncode, (folder / "ec").read_text()) == (143, "143\n")


def test_what_the_block_left_behind_ends_with_it(folder: Path) -> None:
    process = start(folder, 'sleep 60 & echo "$!"; true')
    assert process.stdout is not None
    left = int(process.stdout.readline())
    process.communicate(timeout=60)
    assert process.returncode == 0
    with pytest.raises(ProcessLookupError):
        os.kill(left, 0)


def test_a_child_on_which_the_signal_was_lost_is_told_again(folder: Path) -> None:
    """As on one that was just being forked: this one ignores the signal for its first moments."""
    deaf = "(trap '' TERM; : > deaf; sleep 0.15; trap - TERM; exec sleep 60) & until [ -e deaf ]; do :; done"
    process = start(folder, deaf)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_one_that_may_be_run_again_knows_nothing_of_its_former_end(folder: Path) -> None:
    files = folder / "files"
    files.mkdir()
    for path in (folder / "ec", folder / "timeout"):
        path.write_text("143\n")
    seen = 'for each in ec timeout files; do [ -e "$each" ] && echo "$each"; done; true'
    code, written, out, _ = run(folder, seen, may_return=True, exports={"PARSL_LIKE_BLOCK_FILES": str(files)})
    assert (code, written, out) == (0, "0", "files\n")
    assert files.is_dir(), "it cannot know whether it is run again"
    run(folder, "true", exports={"PARSL_LIKE_BLOCK_FILES": str(files)})
    assert not files.exists()


def test_walltime(folder: Path) -> None:
    code, written, _, _ = run(folder, "sleep 60", walltime=0.2)
    assert (code, written) == (143, "143")
    assert (folder / "timeout").exists()


def test_a_long_walltime_is_a_number_that_every_sleep_reads(folder: Path) -> None:
    script = Script("x", "x.sh", "x.ec", "x.timeout", "/", "true", walltime=1_234_567.0)
    assert "( sleep 1234567.000 ||" in script.text()


def test_a_clock_that_does_not_go_ends_nobody(folder: Path) -> None:
    (folder / "sleep").symlink_to("/bin/false")
    exports = {"PATH": f"{folder}:{os.environ['PATH']}"}
    code, written, _, _ = run(folder, "read -t 0.3 <> <(:); exit 6", walltime=3600, exports=exports)
    assert (code, written) == (6, "6")
    assert not (folder / "timeout").exists()


def test_a_block_that_ends_before_its_walltime_leaves_no_clock_behind(folder: Path) -> None:
    assert run(folder, "read -t 0.3 <> <(:); true", walltime=3600)[:2] == (0, "0")
    assert not (folder / "timeout").exists()


def test_run_by_hand_it_ends_nobody_else(folder: Path) -> None:
    """Not leading a group, it must not take the group of whoever runs it for its own."""
    start(folder, "exit 4").communicate(timeout=60)
    result = subprocess.run(
        ["bash", "-c", 'bash "$1"; echo "survived with $?"', "x", str(folder / "script.sh")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.stdout == "survived with 4\n"


@pytest.mark.parametrize("command", ["true", "exit 3", "kill $$; sleep 60"])
def test_the_blocks_files_do_not_outlive_it(command: str, folder: Path) -> None:
    """There may be nobody else left to remove the keys."""
    files = folder / AWKWARD.replace("\n", " ")
    files.mkdir()
    (files / "manager.key").write_text("secret")
    run(folder, f'test -e "${FILES_VARIABLE}/manager.key" && {command}', exports={FILES_VARIABLE: str(files)})
    assert not files.exists()
    assert folder.exists()
