r"""The shell texts that :mod:`~parsl_like.channels.remote_shell` puts together; a word between two ``@`` is filled in.

All of it is one ``{ ... }``, which a shell begins to run only when it has read the end: a script that was cut off on
its way does nothing. Descriptor 3 is the connection's input, 8 and 9 are its outputs; what the shell itself has to say
goes nowhere. Written for dash, bash, ksh and busybox.
"""

from __future__ import annotations

BEGIN = r"""{
exec 3<&0 8>&1 9>&2 </dev/null >/dev/null 2>/dev/null
end() { printf '%s-%s\n' @TOKEN@ "$1" >&8; printf '%s-%s\n' @TOKEN@ "$1" >&9; exit 0; }
printf '%s+%s:%s\n' @TOKEN@ "$PPID" "$PWD" >&8; printf '%s+\n' @TOKEN@ >&9
"""

FOLDER = r"""cd -- @FOLDER@ || end folder
"""

COMMAND = r"""set -- @ARGV@
command -v "$1" || end missing
"""

INPUT = r"""input=$(head -c @SIZE@ <&3)
case $input in *@TOKEN@.) ;; *) end input ;; esac
input=${input%@TOKEN@.}
"""
"""A substitution cuts newlines off its end: the mark behind the input keeps them, and tells that all has come."""

_OUTPUTS = ">&8 2>&9 3<&- 8>&- 9>&-"
_PRINT = 'printf %s "$input" 3<&- 8>&- 9>&-'

# Each in a group by job control, and by setsid: with that the last process of a pipeline leads the group.
WITHOUT_INPUT = f'( exec "$@" </dev/null {_OUTPUTS} ) &', f'( exec setsid "$@" </dev/null {_OUTPUTS} ) &'
WITH_INPUT = f'( {_PRINT} | {{ exec "$@" {_OUTPUTS}; }} ) &', f'{_PRINT} | {{ exec setsid "$@" {_OUTPUTS}; }} &'
WITH_STREAM = f'( exec "$@" <&3 {_OUTPUTS} ) &', f'( exec setsid "$@" <&3 {_OUTPUTS} ) &'

RUN = r"""set -m
case $- in
*m*) way=jobs ;;
*) if command -v setsid; then way=setsid; else way=none; fi ;;
esac
case $way in
setsid) @SETSID@ ;;
*) @START@ ;;
esac
job=$!
case $way in none) group=0 ;; *) group=-$job ;; esac
set +m
guard() {
    before=$!
    trap '[ "$!" = "$before" ] || kill -KILL "$!"; exit' TERM
    "$@" <&3 &
    wait "$!"
    @KILL@
}
guards=
"""
"""Starts the command. dash has no job control without a terminal; where there is no setsid either, the group is the one
that the server has made for this shell, which ends with it. A guard kills the group when what it waits for has come."""

KILL = 'kill -KILL "$group" "$job"'
ASK_AND_KILL = 'kill -TERM "$group" "$job"; sleep 2; kill -KILL "$group" "$job"'
"""The process itself, too: it may not have come to make its group."""

LIFELINE = """guard cat 8>&- 9>&- & guards="$guards $!"
"""
LIMIT = """guard sleep @LIMIT@ 8>&- 9>&- & guards="$guards $!"
"""

END = """wait "$job"
code=$?
kill -TERM $guards
end "$code"
}
"""

STEPS_OF_SILENCE = 6

LAST = r"""set -m
(
    set +m
    silent() {
        past=0
        trap 'past=0' USR1
        while [ "$past" -lt @STEPS@ ]; do
            sleep @STEP@ &
            wait "$!" && past=$((past + 1))
        done
        kill -KILL 0
    }
    silent 3<&- 8>&- 9>&- &
    silent=$!
    {
        while read -r beat <&3; do kill -USR1 "$silent"; done
        exec >&-
        sleep 3
        kill -KILL 0
    } 8>&- 9>&- | {
        ( exec "$@" >&8 2>&9 3<&- 8>&- 9>&- )
        code=$?
        printf '%s-%s\n' @TOKEN@ "$code" >&8
        printf '%s-%s\n' @TOKEN@ "$code" >&9
        kill -KILL 0
    }
) &
wait "$!"
}
"""
"""Runs a command whose input is a pipe that ends with the connection's, or when no line has come on it for long."""

RECEIVE = r"""target=$1 part=$1.$2.part mode=$3 size=$4
fail() { rm -f -- "$part"; [ -z "$1" ] || echo "$1" >&2; exit 1; }
trap fail TERM
if [ -d "$target" ]; then echo "$target is a folder" >&2; exit 1; fi
mkdir -p -- "$(dirname -- "$target")" || exit 1
umask 077
if [ "$size" -gt 0 ]; then head -c "$size" >"$part" || fail; else : >"$part" || fail; fi
if [ "$(wc -c <"$part")" -ne "$size" ]; then fail "only a part of it arrived"; fi
chmod "$mode" -- "$part" && mv -f -- "$part" "$target" || fail
"""
"""For ``sh -c`` with a path, a word, a mode and a size: its input becomes the file there, whole or not at all."""

SEND = r"""if [ -d "$1" ]; then echo "$1 is a folder" >&2; exit 1; fi
mode=$(ls -ldLn -- "$1") || exit 1
printf '%.10s\n' "$mode"
exec cat -- "$1"
"""
"""For ``sh -c`` with a path: prints the mode as ``ls`` does, ten characters and a newline, and then the file."""
