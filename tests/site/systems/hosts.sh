#!/usr/bin/env bash
# Hosts within one machine, for programs that start processes on others by ssh. Each has an address, a name, processes
# and /run of its own, and an sshd; the file system is the machine's. One can be cut off, or crash.
#
#   hosts.sh up | down | check | env      HOSTS=3 says how many: h1, h2, ...
#                                         OWN_TMP=1: each has a /tmp of its own, so that no file there is shared
#   hosts.sh run HOST COMMAND...          by ssh
#   hosts.sh left HOST                    processes there that logins have started
#   hosts.sh programs                     installs what starts processes on them: Open MPI, MPICH, GNU parallel
#   hosts.sh cut HOST | join HOST         its cable is pulled out | plugged in again: packets vanish, nothing is reset
#   hosts.sh crash HOST | boot HOST       all its processes are gone at once | it is there again
#
# A host is the namespaces of one process, its sshd; they end with it, so that nothing has to be taken apart. Its logins
# begin with an empty home: start-up files of this machine are nobody's business.
system=hosts
# shellcheck source=tests/site/systems/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

wanted=${HOSTS:-3}
number=$(cat "$state/number" 2> /dev/null)
network=10.119.$number
bridge=plh$number
config=$state/ssh_config
session=PARSL_LIKE_SSH_SESSION=$state

all_hosts() { cat "$state/hosts" 2> /dev/null; }
address_of() { echo "$network.${1#h}"; }
number_of() { grep -q -x -F -- "$1" "$state/hosts" 2> /dev/null && echo "${1#h}" || fail "there is no host $1"; }
secure_shell() { ssh -F "$config" "$@" < /dev/null; }

# --- inside of a host: its first process

# A /tmp of its own, in which nothing is but what the host itself is made of.
own_tmp() {
    mkdir -p /run/state && mount --bind "$state" /run/state && mount -t tmpfs -o mode=1777 tmpfs /tmp &&
        mkdir -p "$state" && mount --move /run/state "$state" || fail "$(hostname) got no /tmp of its own"
}

inside() {
    local host=$1
    hostname "$host"
    mount --bind "$state/etc_hosts" /etc/hosts
    mount --bind "$state/nsswitch" /etc/nsswitch.conf # without it each unknown name waits for a name server
    mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p /run/sshd
    [ -z "${OWN_TMP:-}" ] || own_tmp
    ip link set lo up
    within 10 ip link show eth0 || fail "$host got no cable"
    ip address add "$(address_of "$host")/24" dev eth0 && ip link set eth0 up
    ip route add default via "$network.254"
    exec env -i PATH="$PATH" HOME="$state/home/$host" "$mark" /usr/sbin/sshd -D -e -f "$state/$host.sshd"
}

# --- outside

write_files() {
    local host key
    key=$state/key
    [ -f "$key" ] || ssh-keygen -q -t ed25519 -N '' -C hosts -f "$key"
    [ -f "$state/host_key" ] || ssh-keygen -q -t ed25519 -N '' -C host -f "$state/host_key"
    cp "$key.pub" "$state/authorized" && chmod 600 "$state/authorized"
    sed 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf > "$state/nsswitch"
    seq -f 'h%g' "$wanted" > "$state/hosts"
    printf '127.0.0.1 localhost\n%s.254 head %s\n' "$network" "$(hostname)" > "$state/etc_hosts"
    : > "$state/known"
    for host in $(all_hosts); do
        mkdir -p "$state/home/$host"
        echo "$(address_of "$host") $host" >> "$state/etc_hosts"
        echo "$host,$(address_of "$host") $(cut -d ' ' -f 1,2 "$state/host_key.pub")" >> "$state/known"
        sshd_config "$host" > "$state/$host.sshd"
    done
    client_config > "$config"
    printf '#!/bin/sh\nexec ssh -F %q "$@"\n' "$config" > "$state/rsh" && chmod 755 "$state/rsh"
}

sshd_config() {
    printf '%s\n' "ListenAddress $(address_of "$1"):22" "HostKey $state/host_key" "PidFile none" \
        "AuthorizedKeysFile $state/authorized" "StrictModes no" "UsePAM no" "PasswordAuthentication no" \
        "PermitRootLogin prohibit-password" "AcceptEnv *" "MaxStartups 100" "MaxSessions 100" \
        "SetEnv $session/$1 HOME=$state/home/$1"
}

client_config() {
    local host
    for host in $(all_hosts); do
        printf 'Host %s\n    HostName %s\n' "$host" "$(address_of "$host")"
    done
    printf '%s\n' "Host *" "    User root" "    IdentityFile $state/key" "    IdentitiesOnly yes" \
        "    UserKnownHostsFile $state/known" "    StrictHostKeyChecking yes" "    BatchMode yes" "    LogLevel ERROR"
}

cable_of() { echo "$bridge-$(number_of "$1")"; }
answers() { secure_shell -o ConnectTimeout=2 "$1" true; }

command_boot() {
    local host=$1 cable pid
    cable=$(cable_of "$host") || exit 1
    lives "$state/$host.pid" unshare && return 0
    daemon_log=$state/$host.log
    daemon_env=("PARSL_LIKE_SITE_DIR=$site" "OWN_TMP=${OWN_TMP:-}")
    # The number is written before the process becomes what it is: both have the same.
    daemon bash -c 'echo "$$" > "$1"; shift; exec "$@"' - "$state/$host.pid" \
        unshare --net --uts --mount --pid --fork --kill-child=KILL --mount-proc --propagation private \
        bash "$(readlink -f "$0")" inside "$host"
    within 10 has_own_network "$host" || fail "$host does not begin; see $daemon_log"
    pid=$(cat "$state/$host.pid")
    # Under the same hardware address as before: others may remember it for a minute.
    ip link add "$cable" type veth peer name eth0 address "$(printf '02:00:00:00:%02x:%02x' "$number" "${host#h}")" \
        netns "$pid" && ip link set "$cable" master "$bridge" up ||
        fail "$host could not be connected"
    within 20 answers "$host" || fail "sshd of $host does not answer; see $daemon_log"
}

has_own_network() {
    local pid
    pid=$(cat "$state/$1.pid") && lives "$state/$1.pid" unshare &&
        [ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

command_crash() {
    number_of "$1" > /dev/null || exit 1
    ! lives "$state/$1.pid" unshare || slay "$(cat "$state/$1.pid")"
    within 5 gone "$(cat "$state/$1.pid")"
    ip link delete "$(cable_of "$1")" 2> /dev/null
    rm -f "$state/$1.pid"
}

command_cut() { ip link set "$(cable_of "$1")" down; }
command_join() { ip link set "$(cable_of "$1")" up && within 10 answers "$1"; }
command_left() { marked "$session/$1"; }
command_run() { secure_shell "$@"; }
command_inside() { inside "$@"; }
command_programs() { install openmpi-bin mpich parallel; }

# Others may have hosts on this machine, too: who makes a bridge has its network.
claim_network() {
    for number in {44..99}; do
        network=10.119.$number bridge=plh$number
        ! ip link add "$bridge" type bridge 2> /dev/null || { echo "$number" > "$state/number"; return; }
    done
    fail "the kernel gives no bridge: $(ip link add "$bridge" type bridge 2>&1)"
}

system_up() {
    local host
    install hostname iproute2 mount openssh-client openssh-server procps util-linux
    [ -n "$number" ] || claim_network
    write_files
    ip address replace "$network.254/24" dev "$bridge" && ip link set "$bridge" up || fail "$bridge has no address"
    for host in $(all_hosts); do command_boot "$host"; done
}

system_down() {
    local host
    for host in $(all_hosts); do command_crash "$host"; done
    [ -z "$number" ] || ip link delete "$bridge" 2> /dev/null || :
}

system_check() {
    local host
    for host in $(all_hosts); do
        [ "$(secure_shell "$host" hostname)" = "$host" ] || fail "$host has another name"
        [ "$(secure_shell "$host" 'cat /proc/1/comm')" = sshd ] || fail "$host has processes of others"
        [ "$(secure_shell "$host" 'cd && pwd')" = "$state/home/$host" ] || fail "$host has no home of its own"
    done
    command_cut h1 && ! answers h1 || fail "h1 answers although it is cut off"
    command_join h1 || fail "h1 does not come back"
    command_crash h1
    ! answers h1 || fail "h1 answers although it has crashed"
    command_boot h1
    note "all is well"
}

system_env() {
    tell HOSTS_LIST "$(all_hosts | paste -s -d ' ' -)"
    tell HOSTS_HEAD "$network.254"
    tell HOSTS_RSH "$state/rsh"
    tell HOSTS_SSH_CONFIG "$config"
    tell HOSTS_ETC "$state/etc_hosts"
    tell HOSTS_KEY "$state/key"
    tell HOSTS_KNOWN "$state/known"
    tell HOSTS_NETWORK "$network"
}

serve "$@"
