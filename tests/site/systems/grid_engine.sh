#!/usr/bin/env bash
# A Grid Engine of this machine alone: a qmaster and an execution daemon, apart from any other by folder, ports and
# group ids.
#
# Queues: main.q; brief.q, whose jobs may run for 10 s; shut.q, which is disabled. Parallel environment: block.
# Settings: SITE_SLOTS (8), SITE_PORT (17844; the next one is used, too).
system=grid_engine
# shellcheck source=tests/site/systems/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

slots=${SITE_SLOTS:-8}
port=${SITE_PORT:-17844}
groups=$((1000000 + 5 * port))-$((1000099 + 5 * port)) # each job has one, and by it its processes are known
programs=/usr/lib/gridengine
root=$state/root
cell=$root/default
spool=$state/spool
made=$state/made

PATH=$programs:$PATH
export SGE_ROOT=$root SGE_CELL=default SGE_QMASTER_PORT=$port SGE_EXECD_PORT=$((port + 1)) SGE_CLUSTER_NAME=parsl_like
export SGE_SINGLE_LINE=1 # qconf folds long values otherwise
daemon_env=(
    "SGE_ROOT=$SGE_ROOT" SGE_CELL=default "SGE_QMASTER_PORT=$SGE_QMASTER_PORT" "SGE_EXECD_PORT=$SGE_EXECD_PORT"
    "SGE_QMASTER_PIDFILE=$state/run/qmaster" "SGE_EXECD_PIDFILE=$state/run/execd" SGE_CLUSTER_NAME=parsl_like
)
daemon_log=$state/daemons.log

system_env() {
    local name
    for name in SGE_ROOT SGE_CELL SGE_QMASTER_PORT SGE_EXECD_PORT SGE_CLUSTER_NAME; do tell "$name" "${!name}"; done
    tell PATH "$PATH"
}

system_up() {
    install gridengine-master gridengine-exec gridengine-client
    [ -e "$spool/database/sge" ] || lay_out
    command_start qmaster
    [ -e "$made/done" ] || configure
    command_start execd
}

# Nothing here is worth a good end: what runs is found by its mark.
system_down() {
    local daemon
    for daemon in qmaster execd; do
        if lives "$state/run/$daemon" "sge_$daemon"; then slay "$(command_pid "$daemon")"; fi
        rm -f "$state/run/$daemon"
    done
    # shellcheck disable=SC2046  # each is a number
    slay $(marked "$mark")
}

# --- files: an SGE_ROOT that leads to Debian's programs

lay_out() {
    local arch
    mkdir -p "$root"/{bin,utilbin,lib} "$cell/common" "$spool"/{qmaster/job_scripts,execd,database} "$state/run" "$made"
    ln -sfn /usr/share/gridengine/util "$root/util"
    arch=$("$root/util/arch")
    ln -sfn "$programs" "$root/bin/$arch"
    ln -sfn "$programs" "$root/utilbin/$arch"
    ln -sfn /usr/lib "$root/lib/$arch"
    fields spooling_params="$spool/database" qmaster_spool_dir="$spool/qmaster" \
        < /var/lib/gridengine/default/common/bootstrap > "$cell/common/bootstrap"
    echo localhost > "$cell/common/act_qmaster"
    echo "$SGE_CLUSTER_NAME" > "$cell/common/cluster_name"
    # However this machine calls itself, here it is localhost.
    echo "localhost" $({ hostname; hostname -s; getent hosts 127.0.0.1 | tr -s '[:space:]' '\n' | sed 1d; } |
        grep -v -x localhost | sort -u) > "$cell/common/host_aliases"
    chown -R sgeadmin:sgeadmin "$cell" "$spool" "$state/run"
    setpriv --reuid sgeadmin --regid sgeadmin --clear-groups /usr/share/gridengine/scripts/init_cluster \
        "$root" default "$spool/database" sgeadmin > "$state/made/init.log" 2>&1 || fail "init_cluster: $(tail -n 3 "$made/init.log")"
    spooldefaults managers root >> "$made/init.log" 2>&1
    chown -R sgeadmin:sgeadmin "$spool" "$cell"
}

# fields NAME=VALUE...: a configuration from stdin, with these values in the place of those it has.
fields() {
    awk 'BEGIN {
            for (i = 1; i < ARGC; i++) { at = index(ARGV[i], "="); new[substr(ARGV[i], 1, at - 1)] = substr(ARGV[i], at + 1) }
            ARGC = 1
        }
        $1 in new { print $1, new[$1]; next }
        { print }' "$@"
}

# --- what qmaster knows

configure() {
    local queue
    {
        qconf -ah localhost
        qconf -as localhost
        qconf -am root
        # No shell of a job reads what the user's logins read: that takes its time, and is of this machine only.
        qconf -sconf | fields login_shells=none "execd_spool_dir=$spool/execd" min_uid=0 min_gid=0 mailer=/bin/true "gid_range=$groups" \
            load_report_time=00:00:02 max_unheard=00:00:10 reschedule_unknown=00:00:00 \
            "reporting_params=accounting=true reporting=false flush_time=00:00:03 joblog=false sharelog=00:00:00" \
            > "$made/global"
        qconf -Mconf "$made/global"
        qconf -ssconf | fields schedule_interval=0:0:1 flush_submit_sec=1 flush_finish_sec=1 > "$made/scheduler"
        qconf -Msconf "$made/scheduler"
        printf '%s\n' 'hostname localhost' 'load_scaling NONE' "complex_values slots=$slots" 'user_lists NONE' \
            'xuser_lists NONE' 'projects NONE' 'xprojects NONE' 'usage_scaling NONE' 'report_variables NONE' > "$made/host"
        put e "$made/host"
        printf '%s\n' 'pe_name block' 'slots 999' 'user_lists NONE' 'xuser_lists NONE' 'start_proc_args NONE' \
            'stop_proc_args NONE' 'allocation_rule $fill_up' 'control_slaves TRUE' 'job_is_first_task FALSE' \
            'urgency_slots min' 'accounting_summary FALSE' 'qsort_args NONE' > "$made/environment"
        put p "$made/environment"
        printf '%s\n' 'group_name @everywhere' 'hostlist localhost' > "$made/hosts"
        put hgrp "$made/hosts"
        make_queue main.q
        make_queue brief.q h_rt=00:00:10 seq_no=9
        make_queue shut.q seq_no=9
        qmod -d shut.q
    } > "$made/qconf.log" 2>&1
    for queue in main.q brief.q shut.q; do
        qconf -sq "$queue" > /dev/null 2>&1 || fail "there is no $queue: $(tail -n 3 "$made/qconf.log")"
    done
    : > "$made/done"
}

make_queue() {
    local name=$1
    shift
    # A job's own first line says by what it is read, as at many sites; rerun is for those who ask for it.
    qconf -sq | fields "qname=$name" hostlist=@everywhere "slots=$slots" pe_list=block load_thresholds=NONE rerun=FALSE \
        shell=/bin/sh shell_start_mode=posix_compliant "$@" > "$made/$name"
    put q "$made/$name"
}

put() { qconf "-A$1" "$2" || qconf "-M$1" "$2"; }

# --- daemons

command_start() {
    case ${1:-} in
        qmaster)
            lives "$state/run/qmaster" sge_qmaster && return
            rm -f "$state/run/qmaster"
            daemon sge_qmaster
            within 20 timeout 5 qconf -sh || fail "qmaster does not answer: $(tail -n 3 "$daemon_log" "$spool/qmaster/messages" 2>&1)"
            ;;
        execd)
            if ! lives "$state/run/execd" sge_execd; then
                rm -f "$state/run/execd"
                daemon sge_execd
            fi
            within 40 in_service || fail "the queues are not in service: $(tail -n 3 "$daemon_log" "$spool"/execd/*/messages 2>&1)"
            ;;
        *) fail "start what? qmaster or execd" ;;
    esac
}

# A queue that can be used shows no state behind its architecture.
in_service() { timeout 5 qstat -f -q main.q | awk '$1 ~ /^main\.q@/ { found = NF } END { exit found != 5 }'; }

command_pid() { head -n 1 "$state/run/$1"; }

command_empty() { timeout 20 qdel -f -u "*" > /dev/null 2>&1 || :; }

# All that runs on the host ends at once, as if somebody had pulled the plug.
command_lose_host() {
    local execd
    execd=$(head -n 1 "$state/run/execd")
    slay "$execd" $(marked "$mark" | grep -v -x -F -e "$(head -n 1 "$state/run/qmaster")")
    rm -f "$state/run/execd"
}

# --- does it work?

system_check() {
    local folder job
    folder=$(mktemp -d "$state/check.XXXXXX") && chmod 777 "$folder" || fail "cannot write to $state"
    printf 'echo "$QUEUE runs $JOB_NAME"\n' > "$folder/job"
    job=$(qsub -terse -N checked -o "$folder/out" -e "$folder/out" "$folder/job") || fail "qsub"
    within 30 grep -q 'main.q runs checked' "$folder/out" || fail "job $job did not run: $(qstat -j "$job" 2>&1 | tail -n 3)"
    rm -rf "$folder"
    note "job $job ran"
}

serve "$@"
