"""Values for arguments: valid, and where that is possible another one for each argument of a signature."""

from __future__ import annotations

from typing import Any

from tests.api.surface import Parameter, value_of

# What is required, or what only some values are good for; by the argument's name.
EXAMPLES = {
    "account": "'account'",
    "address": "'10.0.0.1'",
    "annotations": "{'a': 'b'}",
    "autolabel_algorithm": "'bucketing'",
    "autolabel_window": "7",
    "available_accelerators": "['gpu0', 'gpu1']",
    "batch_type": "'slurm'",
    "bind_cmd": "'--cpu-bind'",
    "channel": "LocalChannel('/somewhere')",
    "channels": "[LocalChannel('/elsewhere')]",
    "checkpoint_files": "['runinfo/000/checkpoint']",
    "checkpoint_mode": "'periodic'",
    "checkpoint_period": "'00:30:00'",
    "client_port_range": "(50001, 50002)",
    "clusters": "'one'",
    "constraint": "'haswell'",
    "cores_per_block": "20",
    "cores_per_node": "4",
    "cores_per_slot": "2",
    "cpu_affinity": "'block'",
    "dependency_resolver": "None",
    "drain_period": "600",
    "endpoint_path": "'/endpoint'",
    "endpoint_uuid": "'7d2dc622-2edb-11e8-b8be-0ac6873fc732'",
    "env": "{'A': '1'}",
    "env_vars": "{'B': '2'}",
    "environment": "{'C': '3'}",
    "envs": "{'D': '4'}",
    "executors": "[ThreadPoolExecutor('probed')]",
    "executor": "ThreadPoolExecutor('remote')",
    "exit_mode": "'wait'",
    "extra_limits": "{'gpu': '1'}",
    "extra_pkgs": "['numpy']",
    "extra_requests": "{'gpu': '2'}",
    "factory_config": "TaskVineFactoryConfig(max_workers=9)",
    "flux_executor_kwargs": "{'threads': 2}",
    "flux_path": "'/bin/flux'",
    "format_string": "'%(message)s'",
    "function_exec_mode": "'serverless'",
    "gpus_per_node": "3",
    "gres": "'gpu:1'",
    "group_id": "'1001'",
    "gssapi_auth": "True",
    "host_keys_filename": "'/keys'",
    "hostname": "'login.example.org'",
    "hub_address": "'10.0.0.2'",
    "hub_port": "50010",
    "hub_port_range": "(50011, 50012)",
    "iam_instance_profile_arn": "'arn'",
    "image": "'python:3.12'",
    "image_id": "'ami-1'",
    "interchange_launch_cmd": "['interchange', '-v']",
    "interchange_port_range": "(50021, 50022)",
    "key_file": "'key.json'",
    "key_filename": "'/key'",
    "key_name": "'key'",
    "launch_cmd": "'start {worker}'",
    "launcher": "SimpleLauncher(debug=False)",
    "library_config": "{'num_cores': 1}",
    "local_path": "'/local'",
    "logdir": "'/logs'",
    "logging_endpoint": "'sqlite:///other.db'",
    "manager_config": "TaskVineManagerConfig(port=9123)",
    "manager_selector": "BlockIdManagerSelector()",
    "max_bid": "1",
    "init_blocks": "2",
    "max_blocks": "7",
    "max_workers_per_node": "6",
    "mem_per_node": "16",
    "mem_per_slot": "2",
    "mem_per_worker": "1.5",
    "memoizer": "None",
    "monitoring": "None",
    "min_blocks": "1",
    "move_files": "True",
    "mpi_launcher": "'srun'",
    "nodes_per_block": "5",
    "os_family": "'debian-12'",
    "os_project": "'debian-cloud'",
    "parallelism": "0.5",
    "partition": "'debug'",
    "password": "'secret'",
    "persistent_volumes": "[('claim', '/data')]",
    "pod_name": "'pod'",
    "prefetch_capacity": "5",
    "prepend": "'env A=1'",
    "profile": "'work'",
    "project": "'project'",
    "project_id": "'project-1'",
    "project_name": "'name'",
    "project_password_file": "'password'",
    "provider": "LocalProvider(worker_init='true')",
    "qos": "'high'",
    "queue": "'short'",
    "rpex_cfg": "None",
    "region": "'us-west-1'",
    "remote_monitoring_radio": "HTEXRadio()",
    "resource": "'local.localhost'",
    "retry_handler": "None",
    "scratch_dir": "'/scratch'",
    "script_dir": "'/scripts'",
    "secret": "'secret'",
    "service_account_name": "'service'",
    "spot_max_bid": "0.25",
    "state_file": "'state.json'",
    "std_autopath": "None",
    "storage_access": "[NoOpFileStaging()]",
    "strategy": "'htex_auto_scale'",
    "transfer_input_files": "['file']",
    "tune_parameters": "{'a': 1}",
    "user_id": "'1000'",
    "username": "'user'",
    "usage_tracking": "2",
    "vm_reference": "{'vm_size': 'Standard_D1', 'disk_size_gb': 10, 'admin_username': 'a', 'password': 'p'}",
    "vine_log_dir": "'/vine'",
    "vnet_name": "'net'",
    "wait_for_workers": "2",
    "walltime": "'01:02:03'",
    "worker_launch_method": "'provider'",
    "worker_logdir_root": "'/logs'",
    "worker_options": "'--cores 2'",
    "worker_port": "50031",
    "worker_port_range": "(50032, 50033)",
    "worker_ports": "(50034, 50035)",
    "working_dir": "'/work-dir'",
    "address_probe_timeout": "20",
    "command": "'true'",
}


def probe(parameter: Parameter, number: int) -> Any:
    """A value for a parameter, unlike the default where that can be, and unlike those of its neighbours.

    Args:
        parameter: The parameter.
        number: Its place in the signature.
    """
    if parameter.name in EXAMPLES:
        return value_of(EXAMPLES[parameter.name])
    if parameter.default is None:
        return f"required-{parameter.name}"
    default = value_of(parameter.default)
    if isinstance(default, bool):
        return not default
    if isinstance(default, int):
        return default + number + 1
    if isinstance(default, float):
        return 2.0 + number if default == float("inf") else default + number + 1
    if isinstance(default, str):
        return f"probe-{parameter.name}"
    return default


def usual(parameter: Parameter) -> Any:
    """The parameter's default in Parsl, or a value if it has none."""
    return probe(parameter, 0) if parameter.default is None else value_of(parameter.default)
