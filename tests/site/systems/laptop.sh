#!/usr/bin/env bash
# A laptop, as a network of its own with one cable to this machine, which plays the login node of a cluster: sshd
# listens there at the cable's end. The laptop has a name, an /etc/hosts and a home that nobody else sees; the rest of
# the file system is this machine's.
#
#   laptop.sh up | down | check | env
#   laptop.sh run COMMAND...     on the laptop
#   laptop.sh cut | join         its cable is pulled out | plugged in again: packets vanish, nothing is reset
#   laptop.sh sessions           processes that serve its connections
#   laptop.sh left               processes that its logins have started on the login node, jobs too, and that are there
#   laptop.sh inhabitants        processes on the laptop
#   laptop.sh reset              ends those: whoever is connected is cut off, and may connect again
#   laptop.sh refuse | serve     nobody listens any more, and connections are ended | sshd listens again
#   laptop.sh move               the laptop gets another address, as in another network: its connections lead nowhere
#
# The laptop is the namespaces of one process, that sleeps; they end with it.
system=laptop
# shellcheck source=tests/site/systems/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

number=$(cat "$state/number" 2> /dev/null)
network=10.118.$number
cable=pll$number
login=$network.254
port=22
session=PARSL_LIKE_SSH_SESSION=$state

# --- inside of the laptop: its first process

inside() {
    hostname laptop
    mount --bind "$state/etc_hosts" /etc/hosts
    mount --bind "$state/nsswitch" /etc/nsswitch.conf # without it each unknown name waits for a name server
    mount -t tmpfs -o mode=700 tmpfs "$state/home"
    ip link set lo up
    within 10 ip link show eth0 || fail "the laptop got no cable"
    ip address add "$network.1/24" dev eth0 && ip link set eth0 up
    touch "$state/home/ready"
    exec sleep infinity
}

# --- outside

write_files() {
    local name
    for name in key other_key host_key other_host_key; do
        [ -f "$state/$name" ] || ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$state/$name"
    done
    cp "$state/key.pub" "$state/authorized" && chmod 600 "$state/authorized"
    mkdir -p "$state/home" "$state/there" # where a login begins: nobody's start-up files are read
    sed 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf > "$state/nsswitch"
    printf '127.0.0.1 localhost\n%s.1 laptop\n%s login\n' "$network" "$login" > "$state/etc_hosts"
    echo "$login $(cut -d ' ' -f 1,2 "$state/host_key.pub")" > "$state/known"
    echo "$login $(cut -d ' ' -f 1,2 "$state/other_host_key.pub")" > "$state/known_changed"
    : > "$state/known_none"
    printf '%s\n' "ListenAddress $login:$port" "HostKey $state/host_key" "PidFile $state/sshd.pid" \
        "AuthorizedKeysFile $state/authorized" "StrictModes no" "UsePAM no" "PasswordAuthentication no" \
        "KbdInteractiveAuthentication no" "PermitRootLogin prohibit-password" "MaxStartups 100" "MaxSessions 100" \
        "MaxAuthTries 20" "Subsystem sftp internal-sftp" "SetEnv $session HOME=$state/there" > "$state/sshd_config"
}

enter() { nsenter --target "$(cat "$state/pid")" --net --mount --uts --wd=/ -- "$@"; }

command_run() { enter "$@"; }
command_inside() { inside "$@"; }
command_cut() { ip link set "$cable" down; }
command_join() { ip link set "$cable" up && within 10 login_answers; }
command_move() { # the first address takes the others of its network along when it goes
    enter ip address flush dev eth0 &&
        enter ip address add "$network.$((2 + RANDOM % 200))/24" dev eth0
    within 10 login_answers
}

login_answers() { enter timeout 5 bash -c "exec 3<> /dev/tcp/$login/$port && head -c 4 <&3 | grep -q SSH-"; }

# sshd hides its environment behind its title, so they are found by who their parents are.
command_sessions() {
    local listener level
    listener=$(cat "$state/sshd.pid" 2> /dev/null) || return 0
    level=$listener
    while [ -n "$level" ]; do
        level=$(children_of "$level")
        [ -z "$level" ] || printf '%s\n' "$level"
    done
}

# children_of PIDS: those of their children that are processes of sshd.
children_of() {
    local parent child
    for parent in $1; do
        for child in $(cat "/proc/$parent/task/"*/children 2> /dev/null); do
            case $(cat "/proc/$child/comm" 2> /dev/null) in sshd*) echo "$child" ;; esac
        done
    done
}

command_left() { marked "$session"; }

command_inhabitants() {
    local place process
    place=$(readlink "/proc/$(cat "$state/pid")/ns/net")
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/ns/net" 2> /dev/null)" != "$place" ] || echo "${process#/proc/}"
    done | grep -v -x "$(cat "$state/pid")" || :
}

nobody_there() { [ -z "$(command_left)$(command_inhabitants)" ]; }

command_reset() {
    # shellcheck disable=SC2046  # each is a number
    slay $(command_sessions)
}

command_refuse() {
    local sessions
    sessions=$(command_sessions)
    quit "$state/sshd.pid" sshd
    # shellcheck disable=SC2086
    slay $sessions
}

command_serve() {
    lives "$state/sshd.pid" sshd && return 0
    mkdir -p /run/sshd
    daemon_log=$state/sshd.log
    daemon /usr/sbin/sshd -D -e -f "$state/sshd_config"
    within 15 login_answers || fail "sshd does not answer; see $daemon_log"
}

# Others may have laptops on this machine, too: who makes a cable has its network.
claim_network() {
    for number in {44..99}; do
        network=10.118.$number cable=pll$number login=10.118.$number.254
        if ip link add "$cable" type veth peer name "${cable}p" 2> /dev/null; then
            echo "$number" > "$state/number"
            return
        fi
    done
    fail "the kernel gives no cable: $(ip link add "$cable" type veth peer name "${cable}p" 2>&1)"
}

boot() {
    daemon_log=$state/log
    daemon_env=("PARSL_LIKE_SITE_DIR=$site")
    # The number is written before the process becomes what it is: both have the same.
    daemon bash -c 'echo "$$" > "$1"; shift; exec "$@"' - "$state/pid.unshare" \
        unshare --net --uts --mount --propagation private bash "$(readlink -f "$0")" inside
    within 10 has_own_network || fail "the laptop does not begin; see $daemon_log"
    cp "$state/pid.unshare" "$state/pid"
    ip link set "${cable}p" netns "$(cat "$state/pid")" name eth0 || fail "the laptop could not be connected"
    ip address replace "$login/24" dev "$cable" && ip link set "$cable" up || fail "$cable has no address"
    within 10 enter test -e "$state/home/ready" || fail "the laptop does not come up; see $daemon_log"
}

# Without a fork, unshare becomes the first process of the laptop.
has_own_network() {
    local pid
    pid=$(cat "$state/pid.unshare") && runs "$pid" &&
        [ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

system_up() {
    install hostname iproute2 mount openssh-client openssh-server procps util-linux
    if [ -e "$state/pid" ] && runs "$(cat "$state/pid")"; then
        ip link set "$cable" up
        enter ip address show dev eth0 | grep -q "$network" || enter ip address add "$network.1/24" dev eth0
        command_serve
        return
    fi
    [ -n "$number" ] || claim_network
    write_files
    boot
    command_serve
}

system_down() {
    command_refuse
    ! [ -e "$state/pid" ] || slay "$(cat "$state/pid")"
    [ -z "$number" ] || ip link delete "$cable" 2> /dev/null || :
    # shellcheck disable=SC2046  # each is a number
    slay $(command_left)
}

secure_shell() {
    enter ssh -F none -i "$state/key" -o IdentitiesOnly=yes -o BatchMode=yes -o UserKnownHostsFile="$state/known" \
        -o GlobalKnownHostsFile=none -o ConnectTimeout=5 "root@$login" "$@" < /dev/null
}

system_check() {
    [ "$(enter hostname)" = laptop ] || fail "the laptop has another name"
    [ ! -e "$state/home/ready" ] && enter test -e "$state/home/ready" || fail "the laptop's home is not its own"
    [ "$(secure_shell hostname)" = "$(hostname)" ] || fail "the login node does not answer"
    [ "$(secure_shell 'cd && pwd')" = "$state/there" ] || fail "a login does not begin with a home of its own"
    within 5 nobody_there || fail "a login has left processes"
    command_cut && ! login_answers || fail "the login node answers although the cable is out"
    command_join || fail "the login node does not come back"
    command_refuse
    ! login_answers || fail "the login node answers although nobody listens"
    command_serve
    note "all is well"
}

system_env() {
    tell LAPTOP_ENTER "nsenter --target $(cat "$state/pid") --net --mount --uts --wd=/ --"
    tell LAPTOP_HOME "$state/home"
    tell LAPTOP_LOGIN "$login"
    tell LAPTOP_KEY "$state/key"
    tell LAPTOP_OTHER_KEY "$state/other_key"
    tell LAPTOP_KNOWN "$state/known"
    tell LAPTOP_KNOWN_CHANGED "$state/known_changed"
    tell LAPTOP_KNOWN_NONE "$state/known_none"
}

serve "$@"
