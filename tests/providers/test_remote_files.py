"""The mirror: a job's files go to another machine, and what tells of its end comes back."""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING

import pytest

from parsl_like.channels.errors import BadPermsScriptPath, FileCopyException
from parsl_like.channels.local import LocalChannel
from parsl_like.errors import ChannelError, ScriptPathError
from parsl_like.providers.job_files import JobFiles
from parsl_like.providers.remote_files import Mirror, is_remote
from tests.providers.machines import Line, MachineChannel, MachineSession

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from parsl_like.core.ports import CommandResult


class Machine:
    """A machine, and mirrors of it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "ho me $(touch evil) ';'"
        self.here = folder / "here"
        self.home.mkdir()
        self.here.mkdir()
        self.channel = MachineChannel(str(self.home))
        self.session: MachineSession = self.channel.open()

    @property
    def line(self) -> Line:
        return self.channel.line

    def mirror(self, wanted: str | None = None, host: str = "far") -> Mirror:
        return Mirror(self.here, host, wanted, self.run)

    def run(self, command: Sequence[str], stdin: str | None = None) -> CommandResult:
        return self.session.run(command, timeout=60, stdin=stdin)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777], ids=oct)
def test_files_arrive_byte_for_byte_and_only_their_user_can_read_them(machine: Machine, umask: int) -> None:
    before = os.umask(umask)
    try:
        mirror = machine.mirror()
        mirror.send("job", "echo ü\udcff\n", {"a key": bytes(range(256))})
    finally:
        os.umask(before)
    there = mirror.place().folder
    folder = machine.home / there
    assert machine.home in folder.parents
    assert (folder / "job.sh").read_bytes() == b"echo \xc3\xbc\xff\n"
    assert (folder / "job.files" / "a key").read_bytes() == bytes(range(256))
    assert (mode(folder), mode(folder / "job.sh"), mode(folder / "job.files")) == (0o700, 0o700, 0o700)
    assert {mode(folder / name) for name in ("job.out", "job.err", "job.ec", "job.files/a key")} == {0o600}
    assert not list(machine.here.glob("*key*")), "keys are nowhere else"
    assert len(machine.line.commands) == 2, "one to find the place, one for all files"


def test_nothing_secret_is_on_a_command_line(machine: Machine) -> None:
    machine.mirror().send("job", "the-script", {"key": b"the-secret"})
    said = machine.line.text()
    assert "the-secret" not in said
    assert "the-script" not in said


@pytest.mark.parametrize(
    ("wanted", "place"), [(None, ".parsl_like"), ("scratch/jobs", "scratch/jobs"), ("~/jobs", "jobs"), ("~/", ".")]
)
def test_where_it_is(machine: Machine, wanted: str | None, place: str) -> None:
    mirror = machine.mirror(wanted)
    assert mirror.names("job").script.name == "job.sh"
    assert mirror.known is None
    folder, directory = mirror.place()
    assert (machine.home / folder).parent == (machine.home / place).resolve()
    assert directory == str(machine.home.resolve())
    assert mirror.names("job").script == folder / "job.sh"


def test_an_absolute_folder_is_where_it_says(machine: Machine, tmp_path: Path) -> None:
    place = machine.mirror(str(tmp_path / "scratch")).place()
    assert place.folder.parent == place.folder.__class__((tmp_path / "scratch").resolve())


def test_every_session_finds_the_same_place_and_every_host_has_its_own(machine: Machine) -> None:
    first, second, other = machine.mirror(), machine.mirror("elsewhere"), machine.mirror(host="h2")
    assert first.place() == second.place()
    assert other.place() != first.place()
    (machine.here / "far.there").write_text("not absolute")
    assert machine.mirror().place() != first.place()


def test_a_place_that_cannot_be_made(machine: Machine) -> None:
    (machine.home / "file").touch()
    with pytest.raises(BadPermsScriptPath, match=r"Channel to far: .*file/"):
        machine.mirror("file").place()
    assert not list(machine.here.iterdir())


def test_a_machine_that_refuses_says_why(machine: Machine) -> None:
    mirror = machine.mirror()
    place = mirror.place()
    os.rmdir(place.folder)
    (machine.home / place.folder).write_text("in the way")
    with pytest.raises(FileCopyException, match=r"job\.sh to .*exit code") as caught:
        mirror.send("job", "true", {})
    assert not caught.value.transient


def test_a_name_that_leads_out_of_the_folder_is_refused_before_anything_is_sent(machine: Machine) -> None:
    mirror = machine.mirror()
    mirror.place()
    for name in ("../evil", "a/b", "..", ""):
        with pytest.raises(ScriptPathError, match="is no file name"):
            mirror.send("job", "true", {name: b""})
    assert len(machine.line.commands) == 1


def test_what_tells_of_an_end_is_fetched_for_all_jobs_in_one_command(machine: Machine) -> None:
    mirror = machine.mirror()
    folder = machine.home / mirror.place().folder
    names = [f"job.{number}" for number in range(7)]
    for number, name in enumerate(names):
        JobFiles.claim(machine.here, name)
        mirror.send(name, "true", {})
        (folder / f"{name}.ec").write_text(f"{number}\n")
        (folder / f"{name}.out").write_bytes(b"out\xff" * number)
    (folder / "job.3.timeout").touch()
    before = len(machine.line.commands)
    found = mirror.fetch([*names, "job.99"])
    assert len(machine.line.commands) == before + 1
    assert sorted(found) == sorted(names)
    for number, name in enumerate(names):
        files = JobFiles(machine.here, name)
        assert files.read_exit_code() == number
        assert files.stdout.read_bytes() == b"out\xff" * number
        assert files.timeout.exists() == (number == 3)
        assert mode(files.exit_code) == 0o600


def test_only_the_end_of_a_long_output_comes(machine: Machine) -> None:
    mirror = machine.mirror()
    mirror.send("job", "true", {})
    (machine.home / mirror.place().folder / "job.err").write_bytes(b"x" * 1_000_000 + b"the end\n")
    mirror.fetch(["job"])
    content = JobFiles(machine.here, "job").stderr.read_bytes()
    assert content.endswith(b"xthe end\n")
    assert len(content) == 20_000


def test_more_jobs_than_one_command_asks_for(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parsl_like.providers.remote_files.AT_ONCE", 2)
    mirror = machine.mirror()
    for name in "abcde":
        mirror.send(name, "true", {})
    assert sorted(mirror.fetch("abcde")) == list("abcde")


def test_the_moment_of_an_end_is_told_by_this_machines_clock(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = machine.mirror()
    mirror.send("job", "true", {})
    now = time.time()
    (machine.home / mirror.place().folder / "job.ends").write_text(f"{int(now) + 600}\n")
    real = machine.session.run

    def run_on_a_machine_that_is_ahead(command: Sequence[str], stdin: str | None = None) -> CommandResult:
        result = real(command, timeout=60, stdin=stdin)
        words = result.stdout.split("=parsl_like=now ")
        ahead = "".join(words[:1]) + f"=parsl_like=now {int(now) + 500}\n" + words[1].split("\n", 1)[1]
        return result.__class__(result.exit_code, ahead, result.stderr)

    monkeypatch.setattr(mirror, "_run", run_on_a_machine_that_is_ahead)
    mirror.fetch(["job"])
    ends = JobFiles(machine.here, "job").read_ends()
    assert ends is not None
    assert 95 <= ends - now <= 105


def test_an_end_that_is_no_number_stays_as_it_is(machine: Machine) -> None:
    mirror = machine.mirror()
    mirror.send("job", "true", {})
    (machine.home / mirror.place().folder / "job.ends").write_text("soon\n")
    mirror.fetch(["job"])
    assert JobFiles(machine.here, "job").read_ends() is None


def test_a_cut_line_says_nothing_of_jobs(machine: Machine) -> None:
    mirror = machine.mirror()
    mirror.send("job", "true", {})
    machine.line.cut = True
    with pytest.raises(ChannelError, match="Channel to far: the connection failed: the connection was lost"):
        mirror.fetch(["job"])


def test_what_is_to_be_removed_is_removed_when_the_machine_answers_again(machine: Machine) -> None:
    mirror = machine.mirror()
    mirror.send("job", "true", {"key": b""})
    mirror.send("other", "true", {"key": b""})
    files = machine.home / mirror.place().folder / "job.files"
    machine.line.cut = True
    mirror.discard(["job"])
    assert files.exists()
    machine.line.cut = False
    mirror.discard(["other"])
    assert not files.exists()
    assert not (files.parent / "other.files").exists()


def test_a_job_can_be_removed_altogether(machine: Machine) -> None:
    mirror = machine.mirror()
    mirror.remove("job")
    mirror.send("job", "true", {"key": b""})
    mirror.remove("job")
    assert not (machine.home / mirror.place().folder).exists()


def test_a_full_disk_here_is_told(machine: Machine) -> None:
    mirror = machine.mirror()
    mirror.send("job", "true", {})
    (machine.here / "job.out").mkdir()  # as a disk that refuses
    with pytest.raises(FileCopyException, match="cannot be kept"):
        mirror.fetch(["job"])


def test_which_sessions_lead_to_other_files() -> None:
    assert is_remote(MachineChannel().open())
    assert not is_remote(LocalChannel().open())
