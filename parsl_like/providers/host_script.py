"""What a shell on another machine is told about the files and processes of jobs: pure texts, each of a POSIX sh.

They say what they find in lines that begin with a mark, so that whatever a machine's start-up files print does no harm.
A job's first process is known by its number and its start time, and by nothing that only a session would know.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, NamedTuple

from parsl_like.providers.script import FILES_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TERM, KILL = "TERM", "KILL"
"""Signals that :data:`END` sends: the first time, and if that has not helped."""

MARK = "=parsl_like="
"""Begins a line that is for us."""
TAIL_BYTES = 20_000
"""How much of the end of a file is fetched."""
KINDS = frozenset({"ec", "ends", "timeout", "out", "err", "batch"})
"""Files of a job that are fetched, by what their names end with."""

_SAY = f"say() {{ printf '{MARK}%s\\n' \"$*\"; }}"

_IN_FOLDER = """\
cd -- "$1" || exit 70
folder=$1
shift"""

# lives NUMBER START: that process runs, and is not another one of its number; proc_pid_stat(5), fields 3 and 22.
_LIVES = """\
start_of() {
    set -- $(sed 's/.*) //' "/proc/$1/stat" 2> /dev/null)
    case ${1:-Z} in Z | X) return 1 ;; esac
    printf '%s\\n' "${20}"
}
session_of() {
    set -- $(sed 's/.*) //' "/proc/$1/stat" 2> /dev/null)
    printf '%s\\n' "${4:-}"
}
lives() {
    [ -n "$1" ] || return 1
    if [ ! -d /proc/self ]; then kill -0 "$1" 2> /dev/null; return; fi
    [ -n "$2" ] && [ "$(start_of "$1")" = "$2" ]
}"""

# marked NAME: every process of this user that has the job's variable in its environment.
_MARKED = f"""\
marked() {{
    grep -l -s -z -x -F -e "{FILES_VARIABLE}=$folder/$1.files" /proc/[0-9]*/environ 2> /dev/null |
        sed 's,^/proc/\\([0-9]*\\)/environ$,\\1,'
}}
slay_marked() {{
    found=$(marked "$1")
    [ -z "$found" ] || kill -KILL $found 2> /dev/null
}}"""

PLACE = f"""\
{_SAY}
say "$(pwd -P)"
umask 077
mkdir -p -- "$1" && cd -- "$1" && say "$(pwd -P)"
"""
"""Make a folder, given as ``$1``: says where commands run, and then its absolute path."""

UNPACK = f"""\
{_SAY}
umask 077
mkdir -p -- "$1" && cd -- "$1" && base64 -d | tar -xpof - && say sent
"""
"""Unpack what comes on standard input into the folder ``$1``: says ``sent``."""

START = f"""\
{_SAY}
{_LIVES}
umask 077
folder=$1 name=$2
mkdir -p -- "$folder" && cd -- "$folder" && base64 -d | tar -xpof - || exit 71
say sent
for program in bash setsid; do
    command -v "$program" > /dev/null || {{ echo "there is no $program" >&2; exit 72; }}
done
# Whoever makes this folder decides: the job begins, or it never will.
mkdir -- "$name.begun" || exit 73
setsid bash "$folder/$name.sh" < /dev/null >> "$name.out" 2>> "$name.err" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
pid=$!
began=$(start_of "$pid")
printf '%s %s\\n' "$pid" "$began" > "$name.pid.new" && mv -- "$name.pid.new" "$name.pid" || {{
    kill -KILL "$pid"
    exit 74
}}
# Until it has a session of its own, what ends this command would end it, too.
tries=0
while [ "$tries" -lt 40 ] && lives "$pid" "$began" && [ "$(session_of "$pid")" != "$pid" ]; do
    tries=$((tries + 1))
    sleep 0.05
done
say begun
"""
"""The same, and start the script of the job ``$2`` in a session of its own: says ``begun`` in addition."""

WITHDRAW = f"""\
{_SAY}
umask 077
mkdir -p -- "$1"
{_IN_FOLDER}
for name do
    if mkdir -- "$name.begun" 2> /dev/null; then
        : > "$name.withdrawn"
        rm -rf -- "$name.files"
        say "$name" withdrawn
    elif [ -d "$name.begun" ] && [ ! -f "$name.withdrawn" ]; then
        say "$name" begun
    fi
done
"""
"""See to it that jobs never begin that have not: says of each ``withdrawn`` or ``begun``."""

LOOK = f"""\
{_SAY}
{_LIVES}
{_MARKED}
[ -e "$1" ] || {{ say now "$(date +%s)"; exit 0; }}
{_IN_FOLDER}
how=$1
shift
say now "$(date +%s)"
for name do
    over=yes
    if [ -f "$name.pid" ]; then
        read -r pid began < "$name.pid"
        if lives "$pid" "$began"; then
            over=
            say "$name" runs
        else
            slay_marked "$name"
            rm -rf -- "$name.files"
            say "$name" gone
        fi
    elif [ -d "$name.begun" ] && [ ! -f "$name.withdrawn" ]; then
        say "$name" begins
    fi
    kinds='ec ends timeout'
    if [ "$how" = all ] || [ -n "$over" ]; then kinds="$kinds out err batch"; fi
    for kind in $kinds; do
        [ ! -f "$name.$kind" ] || say "$name" "$kind" "$(tail -c {TAIL_BYTES} "$name.$kind" | base64 | tr -d '\\n')"
    done
done
"""
"""How jobs are: ``$2`` is ``all`` for the output also of those that run. Ends what a job that is over has left."""

END = f"""\
{_SAY}
{_LIVES}
{_MARKED}
umask 077
mkdir -p -- "$1"
{_IN_FOLDER}
signal=$1
shift
for name do
    if mkdir -- "$name.begun" 2> /dev/null; then
        : > "$name.withdrawn"
        rm -rf -- "$name.files"
        say "$name" withdrawn
        continue
    fi
    : > "$name.cancelled"
    if [ -f "$name.pid" ]; then
        read -r pid began < "$name.pid"
        if lives "$pid" "$began"; then kill "-$signal" "-$pid"; fi
    fi
    if [ "$signal" = KILL ]; then slay_marked "$name"; fi
    say "$name" told
done
"""
"""End jobs by the signal ``$2``: says of each ``told``, or ``withdrawn`` of one that has not begun and never will."""

DISCARD = f"""\
{_SAY}
{_IN_FOLDER}
for name do rm -rf -- "$name.files"; done
say done
"""
"""Remove the blocks' own files of jobs; nothing if their folder is not there."""

REMOVE = f"""\
{_SAY}
{_IN_FOLDER}
for name do
    for kind in sh out err ec files timeout ends batch cancelled begun pid; do rm -rf -- "$name.$kind"; done
done
cd / && rmdir -- "$folder" 2> /dev/null
say done
"""
"""Remove all files of jobs, and the folder, given by its absolute path, if nothing else is in it."""


class Seen(NamedTuple):
    """What was found of one job.

    Attributes:
        state: ``runs``, ``gone``, ``begins``, or the empty text where no process of it is known.
        files: What was fetched of its files, by kind.
    """

    state: str
    files: Mapping[str, bytes]


class Look(NamedTuple):
    """What was found of some jobs.

    Attributes:
        now: Seconds since the epoch by the clock there; None if it did not tell.
        jobs: What was found, by name; jobs of which there is nothing are not in it.
    """

    now: float | None
    jobs: Mapping[str, Seen]


def command(text: str, *words: str) -> tuple[str, ...]:
    """One of the texts above as a command, with its words."""
    return ("sh", "-c", text, "sh", *words)


def said(stdout: str) -> list[str]:
    """What a command said to us, line by line."""
    return [line.removeprefix(MARK) for line in stdout.splitlines() if line.startswith(MARK)]


def look_of(stdout: str, names: Sequence[str]) -> Look:
    """What :data:`LOOK` said of jobs; what it said of others, and what cannot be understood, is passed over."""
    states: dict[str, str] = {}
    files: dict[str, dict[str, bytes]] = {}
    now, wanted = None, set(names)
    for first, second, rest in _words(said(stdout)):
        if first == "now" and not rest:
            now = float(second) if second.isdecimal() else None
        elif first not in wanted:
            continue
        elif second in KINDS:
            if (content := _decoded(rest)) is not None:
                files.setdefault(first, {})[second] = content
        else:
            states[first] = second
    found = {name: Seen(states.get(name, ""), files.get(name, {})) for name in names if name in {*states, *files}}
    return Look(now, found)


def answers_of(stdout: str, names: Sequence[str]) -> dict[str, str]:
    """What :data:`WITHDRAW` or :data:`END` said of each job."""
    wanted = set(names)
    return {first: second for first, second, _ in _words(said(stdout)) if first in wanted}


def _words(lines: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for line in lines:
        first, _, rest = line.partition(" ")
        second, _, third = rest.partition(" ")
        yield first, second, third


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
