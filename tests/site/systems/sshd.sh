#!/usr/bin/env bash
# Servers of OpenSSH on this machine's loopback, for channels: a good one, one that shows another key than is known, and
# a way to the good one that can be broken. None of them has sftp.
#
#   sshd.sh up | down | restart | check | env
#   sshd.sh drop             all connections through the proxy are reset
#   sshd.sh freeze | thaw    nothing comes through the proxy, and nobody is told | it goes on
#   sshd.sh left             the processes that logins have started and that are still there
#   sshd.sh kill             the good server ends, with all its logins
#   sshd.sh start            it is there again
system=sshd
# shellcheck source=tests/site/systems/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

good=${SITE_PORT:-17822}
other=$((good + 1))
broken=$((good + 2))
here=$(dirname "$(readlink -f "$0")")
session=PARSL_LIKE_SSH_SESSION=$state

write_files() {
    local key
    for key in key wrong_key host_key other_host_key; do
        [ -f "$state/$key" ] || ssh-keygen -q -t ed25519 -N '' -C "$key" -f "$state/$key"
    done
    [ -f "$state/locked_key" ] || ssh-keygen -q -t ed25519 -N 'pass phrase' -C locked -f "$state/locked_key"
    cat "$state/key.pub" "$state/locked_key.pub" > "$state/authorized" && chmod 600 "$state/authorized"
    server_config "$good" host_key > "$state/good.conf"
    server_config "$other" other_host_key > "$state/other.conf"
    : > "$state/known_none"
    for key in "$good" "$other" "$broken"; do # the other one shows another key than this says
        echo "[127.0.0.1]:$key $(cut -d ' ' -f 1,2 "$state/host_key.pub")"
    done > "$state/known"
}

server_config() {
    printf '%s\n' "ListenAddress 127.0.0.1:$1" "HostKey $state/$2" "PidFile none" "UsePAM no" "StrictModes no" \
        "AuthorizedKeysFile $state/authorized" "PasswordAuthentication no" "KbdInteractiveAuthentication no" \
        "PermitRootLogin prohibit-password" "PrintMotd no" "MaxStartups 100" "LogLevel VERBOSE" \
        "SetEnv $session HOME=$state/home" "Subsystem sftp internal-sftp"
}

serve_ssh() { # NAME PORT
    lives "$state/$1.pid" "$state/$1.conf" && return 0
    daemon_log=$state/$1.log
    # The number is written before the process becomes what it is: both have the same.
    daemon bash -c 'echo "$$" > "$1"; shift; exec "$@"' - "$state/$1.pid" /usr/sbin/sshd -D -e -f "$state/$1.conf"
    within 10 answers "$2" || fail "sshd at port $2 does not answer; see $daemon_log"
}

answers() { ssh-keyscan -T 2 -p "$1" 127.0.0.1 2> /dev/null | grep -q .; }

serve_proxy() {
    lives "$state/proxy.pid" ssh_proxy.py && return 0
    daemon_log=$state/proxy.log
    daemon bash -c 'echo "$$" > "$1"; shift; exec "$@"' - "$state/proxy.pid" \
        "${PYTHON:-python3}" "$here/ssh_proxy.py" "$broken" "$good"
    within 10 answers "$broken" || fail "the proxy does not pass anything on; see $daemon_log"
}

signal_proxy() { lives "$state/proxy.pid" ssh_proxy.py && kill "-$1" "$(cat "$state/proxy.pid")" || fail "no proxy"; }
command_drop() { signal_proxy USR1; }
command_freeze() { signal_proxy STOP; }
command_thaw() { signal_proxy CONT; }
command_left() { marked "$session"; }
command_start() { serve_ssh good "$good"; }

# end_server NAME: with the logins that it serves; their own words about themselves cover the mark in their environment.
end_server() {
    local logins=''
    lives "$state/$1.pid" "$state/$1.conf" || return 0
    logins=$(pgrep -P "$(cat "$state/$1.pid")")
    quit "$state/$1.pid" "$state/$1.conf"
    # shellcheck disable=SC2086  # each is a number
    slay $logins
}

command_kill() { end_server good; }

system_up() {
    install openssh-client openssh-server procps rsync util-linux
    mkdir -p /run/sshd "$state/home" # an empty home: start-up files of this machine are nobody's business
    write_files
    serve_ssh good "$good"
    serve_ssh other "$other"
    serve_proxy
    command_thaw
}

system_down() {
    [ ! -e "$state/proxy.pid" ] || kill -CONT "$(cat "$state/proxy.pid")" 2> /dev/null
    quit "$state/proxy.pid" ssh_proxy.py
    end_server good
    end_server other
    # shellcheck disable=SC2046  # each is a number
    slay $(marked "$session")
}

login() { # PORT [KEY]
    ssh -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes -i "$state/${2:-key}" -o UserKnownHostsFile="$state/known" \
        -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes -o ConnectTimeout=3 -p "$1" \
        root@127.0.0.1 true < /dev/null 2> /dev/null
}

system_check() {
    login "$good" || fail "no login at the good server"
    login "$broken" || fail "no login through the proxy"
    ! login "$other" || fail "another key than the known one is taken"
    ! login "$good" wrong_key || fail "a key that is not authorized is taken"
    command_freeze
    ! login "$broken" || fail "something comes through a frozen proxy"
    command_thaw
    login "$broken" || fail "nothing comes through the proxy after a thaw"
    [ -z "$(command_left)" ] || fail "logins have left processes"
    note "all is well"
}

system_env() {
    tell SSHD_DIR "$state"
    tell SSHD_PORT "$good"
    tell SSHD_OTHER_PORT "$other"
    tell SSHD_PROXY_PORT "$broken"
}

serve "$@"
