#!/usr/bin/env bash
# A Slurm of its own on this machine: one munged, one slurmctld, and a slurmd for each of some nodes that only Slurm
# knows of, each with a port instead of a host (slurm.conf(5): NodeHostname, Port).
#
#   slurm.sh up; eval "$(slurm.sh env)"; srun -N 2 hostname; slurm.sh down
#   slurm.sh torque          as env, with Torque's qsub, qstat and qdel in front of PATH (Debian's slurm-wlm-torque)
#   slurm.sh kill_daemon n1  the slurmd of a node is killed; what it has started goes on
#   slurm.sh kill_node n1    everything on the node is killed, as if it had lost its power
#   slurm.sh freeze | thaw | kill_controller
#   slurm.sh forget_jobs     the controller loses its files on jobs, and comes back
#
# `up` mends whatever is missing. Settings, of the first `up` only: SITE_NODES (4), SITE_CPUS (2 for each node),
# SITE_PORT (21000, the first of SITE_NODES + 3), SITE_ACCOUNTING (1 for slurmdbd on MariaDB, without which sacct has
# nothing to say), SITE_MIN_JOB_AGE (300 s).
#
# Partitions: all (the default), brief (jobs of a minute at most), shut (DOWN), single (one node).
system=slurm
# shellcheck source=tests/site/systems/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

read_settings() {
    nodes=${SITE_NODES:-4} cpus=${SITE_CPUS:-2} port=${SITE_PORT:-21000}
    accounting=${SITE_ACCOUNTING:-0} min_job_age=${SITE_MIN_JOB_AGE:-300}
    # shellcheck disable=SC1091  # written by keep_settings
    if [ -r "$state/settings" ]; then . "$state/settings"; fi
    cluster=site$port
    export SLURM_CONF=$state/slurm.conf
    daemon_env=("SLURM_CONF=$SLURM_CONF")
}

keep_settings() {
    local name
    for name in nodes cpus port accounting min_job_age; do printf '%s=%q\n' "$name" "${!name}"; done > "$state/settings"
}

# --- its parts

munge_up() {
    local folder=$state/munge
    lives "$folder/pid" munged && return 0
    mkdir -p "$folder"
    rm -f "$folder"/socket*
    [ -s "$folder/key" ] || head -c 128 /dev/urandom > "$folder/key"
    chown -R munge:munge "$folder"
    chmod 400 "$folder/key"
    daemon_log=$folder/started daemon setpriv --reuid munge --regid munge --clear-groups munged --num-threads=2 \
        --socket="$folder/socket" --key-file="$folder/key" --log-file="$folder/log" --pid-file="$folder/pid" \
        --seed-file="$folder/seed"
    within 15 test -S "$folder/socket" || fail "munged: $(tail -q -n 3 "$folder/log" "$folder/started" 2> /dev/null)"
}

controller_up() {
    lives "$state/slurmctld.pid" slurmctld && return 0
    mkdir -p "$state/spool/controller"
    daemon_log=$state/slurmctld.started daemon slurmctld -f "$SLURM_CONF"
    within 30 answers || fail "slurmctld: $(tail -q -n 5 "$state/slurmctld.log" "$state/slurmctld.started" 2> /dev/null)"
}

answers() { timeout 5 scontrol ping | grep -q 'is UP'; }

node_up() {
    lives "$state/slurmd.$1.pid" slurmd && return 0
    mkdir -p "$state/spool/$1"
    daemon_log=$state/slurmd.$1.started daemon slurmd -N "$1" -f "$SLURM_CONF"
}

each_node() { seq --format='n%.0f' "$nodes"; }

ready() { [ "$(timeout 5 sinfo -h -N -p all -o %t | grep -c -E '^(idle|mix|alloc|comp)$')" -eq "$nodes" ]; }

resume() {
    local node
    for node in $(timeout 5 sinfo -h -N -p all -o '%N %t' | grep -v -E ' (idle|mix|alloc|comp)$' | cut -d ' ' -f 1); do
        timeout 5 scontrol update "NodeName=$node" State=RESUME
    done
    ready
}

database_up() {
    local folder=$state/database
    mkdir -p "$folder"
    chown mysql:mysql "$folder"
    if [ ! -d "$folder/data" ]; then
        mariadb-install-db --no-defaults --user=mysql --datadir="$folder/data" --skip-test-db \
            --auth-root-authentication-method=socket > "$folder/installed" 2>&1 || fail "see $folder/installed"
    fi
    if ! lives "$folder/pid" mariadbd; then
        daemon_log=$folder/log daemon mariadbd --no-defaults --user=mysql --datadir="$folder/data" --skip-networking \
            --socket="$folder/socket" --pid-file="$folder/pid" --innodb-buffer-pool-size=64M \
            --innodb-lock-wait-timeout=900
        within 60 sql 'select 1' || fail "mariadbd: $(tail -n 5 "$folder/log")"
    fi
    sql "create database if not exists slurm; create user if not exists slurm@localhost identified by 'slurm';
        grant all on slurm.* to slurm@localhost" || fail "mariadb refuses"
}

sql() { mariadb --no-defaults --socket="$state/database/socket" --execute "$1"; }

accounting_up() {
    database_up
    if ! lives "$state/slurmdbd.pid" slurmdbd; then
        local daemon_env=("${daemon_env[@]}" "MYSQL_UNIX_PORT=$state/database/socket")
        daemon_log=$state/slurmdbd.started daemon slurmdbd
    fi
    # slurmctld does not start for a cluster that the accounting does not know.
    within 30 cluster_known || fail "slurmdbd: $(tail -q -n 5 "$state/slurmdbd.log" "$state/slurmdbd.started" 2> /dev/null)"
}

cluster_known() {
    sacctmgr --immediate add cluster "$cluster"
    sacctmgr --noheader show cluster format=cluster | grep -q -w "$cluster"
}

# --- its configuration

write_configuration() {
    local host node number=0 account=none
    host=$(hostname -s)
    [ "$accounting" = 1 ] && account=slurmdbd
    {
        cat << END
ClusterName=$cluster
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$state/munge/socket
StateSaveLocation=$state/spool/controller
SlurmdSpoolDir=$state/spool/%n
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.%n.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd.%n.log
JobCompType=jobcomp/filetxt
JobCompLoc=$state/jobs.txt
# Without systemd and control groups:
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
# More processors than there are:
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
# As short as they may be, so that a test need not wait for minutes:
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0
PriorityType=priority/basic
SlurmctldTimeout=30
SlurmdTimeout=10
MessageTimeout=10
BatchStartTimeout=10
KillWait=3
MinJobAge=$min_job_age
ReturnToService=2
JobRequeue=1
AccountingStorageType=accounting_storage/$account
END
        [ "$accounting" = 1 ] && cat << END
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$((port + 2))
AccountingStoragePass=$state/munge/socket
END
        for node in $(each_node); do
            echo "NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 3 + number))" \
                "CPUs=$cpus RealMemory=4000 State=UNKNOWN"
            number=$((number + 1))
        done
        cat << END
PartitionName=all Nodes=n[1-$nodes] Default=YES MaxTime=60 DefaultTime=10 State=UP
PartitionName=brief Nodes=n[1-$nodes] MaxTime=1 DefaultTime=1 State=UP
PartitionName=shut Nodes=n[1-$nodes] MaxTime=60 DefaultTime=10 State=DOWN
PartitionName=single Nodes=n1 MaxTime=60 DefaultTime=10 State=UP
END
    } > "$SLURM_CONF"
    cat > "$state/slurmdbd.conf" << END
AuthType=auth/munge
AuthInfo=socket=$state/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$((port + 2))
SlurmUser=root
LogFile=$state/slurmdbd.log
PidFile=$state/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
END
    chmod 600 "$state/slurmdbd.conf" # slurmdbd insists
}

# --- commands

system_up() {
    local node packages=(munge slurm-client slurmctld slurmd)
    read_settings
    [ "$accounting" = 1 ] && packages+=(slurmdbd mariadb-server mariadb-client)
    install "${packages[@]}"
    keep_settings
    munge_up
    if [ ! -e "$SLURM_CONF" ]; then write_configuration; fi
    [ "$accounting" = 1 ] && accounting_up
    command_thaw
    controller_up
    for node in $(each_node); do node_up "$node"; done
    within 15 ready || within 20 resume || fail "not all nodes are ready: $(sinfo -h -N -o '%N %T %E' | tr '\n' ';')"
}

system_down() {
    local file
    read_settings
    if [ -e "$SLURM_CONF" ] && lives "$state/slurmctld.pid" slurmctld; then
        command_thaw
        command_cancel_all
    fi
    for file in "$state"/slurmd.*.pid "$state/slurmctld.pid"; do
        if lives "$file" slurm; then kill -TERM "$(cat "$file")" 2> /dev/null; fi
    done
    for file in "$state"/slurmd.*.pid "$state"/slurmctld.pid; do quit "$file" slurm; done
    # What a slurmd has started outlives it.
    # shellcheck disable=SC2046  # each is a number
    slay $(holding "$state" slurmstepd) $(marked "SLURM_CLUSTER_NAME=$cluster")
    quit "$state/slurmdbd.pid" slurmdbd
    quit "$state/database/pid" mariadbd
    quit "$state/munge/pid" munged
}

system_env() {
    read_settings
    tell SLURM_CONF "$SLURM_CONF"
}

system_check() {
    local job
    read_settings
    answers || fail "slurmctld does not answer"
    job=$(sbatch --parsable --output=/dev/null --wrap 'srun -N 2 -n 2 -l true' -N 2) || fail "sbatch refuses"
    within 30 ended "$job" COMPLETED || fail "a job of two nodes is $(state_of "$job")"
    job=$(sbatch --parsable --output=/dev/null --wrap 'exit 3')
    within 30 ended "$job" FAILED || fail "a job that fails is $(state_of "$job")"
    job=$(sbatch --parsable --output=/dev/null --wrap 'sleep 300')
    within 30 ended "$job" RUNNING || fail "a job is $(state_of "$job")"
    scancel "$job"
    within 30 ended "$job" CANCELLED || fail "a cancelled job is $(state_of "$job")"
    [ "$accounting" != 1 ] || within 30 recorded "$job" || fail "sacct does not know a job"
    note "it works: $nodes nodes of $cpus processors"
}

state_of() { squeue --noheader --states=all --jobs="$1" --format=%T; }
ended() { [ "$(state_of "$1")" = "$2" ]; }
recorded() { sacct -X -n -P -j "$1" -o State | grep -q .; }

command_torque() {
    local folder=$state/torque modules name
    read_settings
    if [ ! -e "$folder/complete" ]; then
        unpack "$folder" slurm-wlm-torque libslurm-perl libslurmdb-perl
        # The modules are linked with a library whose name bears its version.
        unpack "$folder" "$(dpkg-deb --field "$state"/debs/libslurm-perl_*.deb Depends | grep -o 'libslurm[0-9]*' | head -n 1)"
        # These programs call Slurm's in the directory that they are in.
        for name in sbatch srun salloc scancel squeue scontrol sinfo; do
            ln -sf "$(command -v "$name")" "$folder/usr/bin/$name"
        done
        touch "$folder/complete"
    fi
    modules=$(dirname "$(find "$folder/usr/lib" -name Slurm.pm | head -n 1)")
    system_env
    tell PATH "$folder/usr/bin:$PATH"
    tell PERL5LIB "$modules"
    tell LD_LIBRARY_PATH "$(dirname "$(find "$folder/usr/lib" -name 'libslurm.so*' | head -n 1)")"
}

command_cancel_all() {
    read_settings
    timeout 20 squeue --noheader --format=%A | sort -u | timeout 20 xargs --no-run-if-empty scancel
    within 4 empty # but for jobs on nodes that are gone
}

empty() { [ -z "$(timeout 3 squeue --noheader)" ]; }

command_kill_daemon() {
    read_settings
    # shellcheck disable=SC2046
    slay $(cat "$state/slurmd.$1.pid")
    rm -f "$state/slurmd.$1.pid"
}

command_kill_node() {
    read_settings
    command_kill_daemon "$1"
    # shellcheck disable=SC2046
    slay $(holding "$state/spool/$1" slurmstepd) $(holding "$state/slurmd.$1.log" slurmstepd) \
        $(marked "SLURM_CLUSTER_NAME=$cluster" "SLURMD_NODENAME=$1")
}

command_freeze() { kill -STOP "$(cat "$state/slurmctld.pid")"; }

command_thaw() { if lives "$state/slurmctld.pid" slurmctld; then kill -CONT "$(cat "$state/slurmctld.pid")"; fi; }

command_kill_controller() {
    # shellcheck disable=SC2046
    slay $(cat "$state/slurmctld.pid")
    rm -f "$state/slurmctld.pid"
}

command_forget_jobs() {
    local last
    read_settings
    last=$(squeue --noheader --states=all --format=%A | sort -n | tail -n 1)
    command_kill_controller
    rm -f "$state"/spool/controller/job_state*
    sed -i "/^FirstJobId=/d; \$ a FirstJobId=$((last + 100))" "$SLURM_CONF" # else numbers begin anew, too
    controller_up
}

serve "$@"
