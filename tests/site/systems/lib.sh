# shellcheck shell=bash
# What the scripts of all systems share. A script sets `system`, sources this, defines `system_up`, `system_down`,
# `system_check` and `system_env`, more commands as `command_NAME`, and ends with `serve "$@"`.
#
# Everything a system keeps is below $PARSL_LIKE_SITE_DIR/<system>; `down` removes it. Daemons are started with an
# environment of their own that carries a mark, by which `down` finds those that nobody knows any more.
set -uo pipefail
export LC_ALL=C.UTF-8
umask 022

site=${PARSL_LIKE_SITE_DIR:-/tmp/parsl-like-site}
state=$site/${system:?}
mark=PARSL_LIKE_SITE_SYSTEM=$state
apt_lock=/tmp/parsl-like-site.lock

note() { printf '%s: %s\n' "$system" "$*" >&2; }

fail() {
    note "$*"
    exit 1
}

# --- packages

# install PACKAGE...: those that are missing, by one script at a time, and without starting what is in them.
install() {
    local wanted=() package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || wanted+=("$package")
    done
    ((${#wanted[@]})) || return 0
    with_fresh_lists quiet_install "${wanted[@]}" ||
        fail "apt-get could not install ${wanted[*]}: $(tail -n 3 "$state/apt.log")"
}

# unpack FOLDER PACKAGE...: what is in packages, without installing them.
unpack() {
    local folder=$1 debs=$state/debs package
    shift
    mkdir -p "$debs" "$folder" && chmod 755 "$debs" || fail "cannot write to $state"
    with_fresh_lists quiet_download "$debs" "$@" || fail "apt-get could not download $*: $(tail -n 3 "$state/apt.log")"
    for package in "$debs"/*.deb; do
        dpkg-deb --extract "$package" "$folder" || fail "$package cannot be unpacked"
    done
}

# with_fresh_lists COMMAND...: by one script at a time; once more with today's lists of packages if it fails.
with_fresh_lists() {
    (
        flock 9
        exec >> "$state/apt.log" 2>&1 < /dev/null
        "$@" || { apt-get update --quiet=2 9>&- && "$@"; }
    ) 9>> "$apt_lock"
}

quiet_install() {
    local policy=/usr/sbin/policy-rc.d ours='' status=0
    if [ ! -e "$policy" ]; then # Debian's way to say that no daemon is to be started
        printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod 755 "$policy" && ours=yes
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@" 9>&- || status=$?
    [ -z "$ours" ] || rm -f "$policy"
    return "$status"
}

quiet_download() { (cd "$1" && shift && apt-get download --quiet=2 "$@" 9>&-); }

# --- daemons

# daemon COMMAND...: run it in a session of its own, with nothing of the caller's environment but what is named in the
# array `daemon_env`; what it prints goes to the file $daemon_log. Nobody waits for one that stays in the foreground.
daemon_env=()
daemon_log=/dev/null
daemon() {
    setsid --fork env -i PATH="$PATH" LC_ALL=C.UTF-8 HOME=/ "$mark" "${daemon_env[@]}" "$@" \
        >> "$daemon_log" 2>&1 < /dev/null
}

# lives FILE WORD: the process whose number is in FILE runs, and WORD is in its command line.
lives() {
    local pid
    pid=$(head -n 1 "$1" 2> /dev/null) && [ -n "$pid" ] && runs "$pid" &&
        grep -q -z -F -e "$2" "/proc/$pid/cmdline" 2> /dev/null
}

# runs PID: it is there and is no zombie; daemons that have ended are reaped late where process 1 is no init.
runs() { [[ "$(sed -n 's/^State:\s*\(.\).*/\1/p' "/proc/$1/status" 2> /dev/null)" == [!ZX] ]]; }
gone() { ! runs "$1"; }

# quit FILE WORD: end that process, by asking, and after 5 s by force.
quit() {
    local pid
    if lives "$1" "$2"; then
        pid=$(head -n 1 "$1" 2> /dev/null) || return 0
        kill -TERM "$pid" 2> /dev/null
        kill -CONT "$pid" 2> /dev/null
        within 5 gone "$pid" || slay "$pid"
    fi
    rm -f "$1"
}

# within SECONDS COMMAND...: try again and again until it succeeds.
within() {
    local until=$((${EPOCHREALTIME/./} + $1 * 1000000))
    shift
    until "$@" > /dev/null 2>&1; do
        ((${EPOCHREALTIME/./} < until)) || return 1
        sleep 0.1
    done
}

# marked NAME=VALUE...: the processes that were started with all of these in their environment, but for this one.
marked() {
    local wanted found=(/proc/[0-9]*/environ)
    for wanted in "$@"; do
        mapfile -t found < <(grep -l -s -z -x -F -e "$wanted" "${found[@]}")
        ((${#found[@]})) || return 0
    done
    printf '%s\n' "${found[@]}" | sed 's,^/proc/\(.*\)/environ$,\1,' | grep -v -x "$$" || :
}

# holding PATH NAME: the processes called NAME that work at or below PATH, or have it or what is below it open.
holding() {
    local process
    for process in $(grep -l -s -x -F -e "$2" /proc/[0-9]*/comm); do
        process=${process%/comm}
        if readlink "$process/cwd" "$process"/fd/* 2> /dev/null | grep -q -E -e "^$1(/|$)"; then echo "${process#/proc/}"; fi
    done
}

# slay PID...: no questions asked.
slay() { (($# == 0)) || kill -KILL "$@" 2> /dev/null || :; }

# --- for people and tests

# tell NAME VALUE: a line that a shell may evaluate.
tell() { printf 'export %s=%q\n' "$1" "$2"; }

serve() {
    local command=${1:-}
    (($#)) && shift
    case $command in
        up | down | restart) [ "$(id -u)" -eq 0 ] || fail "only root can do that" ;;
    esac
    case $command in
        up) made_up ;;
        down)
            system_down
            # shellcheck disable=SC2046  # each is a number
            slay $(marked "$mark")
            rm -rf "$state"
            rmdir "$site" 2> /dev/null || :
            ;;
        restart)
            system_down
            made_up
            ;;
        check) system_check ;;
        env) system_env ;;
        *)
            if declare -F "command_$command" > /dev/null; then
                "command_$command" "$@"
            else
                echo "usage: $0 up|down|restart|check|env$(declare -F | sed -n 's/.* command_/|/p' | tr -d '\n')" >&2
                exit 2
            fi
            ;;
    esac
}

made_up() {
    mkdir -p "$state" && chmod 755 "$site" "$state" || fail "cannot write to $site"
    system_up
}
