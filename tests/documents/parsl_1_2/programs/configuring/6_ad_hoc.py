from parsl.addresses import address_by_query  # noqa: F401
from parsl.channels import SSHChannel
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import AdHocProvider

user_opts = {
    "adhoc": {
        "username": "YOUR_USERNAME",
        "script_dir": "YOUR_SCRIPT_DIR",
        "remote_hostnames": ["REMOTE_HOST_1", "REMOTE_HOST_2"],
    }
}

config = Config(
    executors=[
        HighThroughputExecutor(
            label="remote_htex",
            max_workers=2,
            address="192.0.2.17",  # address_by_query() finds the public one
            worker_logdir_root=user_opts["adhoc"]["script_dir"],
            provider=AdHocProvider(
                # what each host needs to do first
                worker_init="",
                channels=[
                    SSHChannel(
                        hostname=m,
                        username=user_opts["adhoc"]["username"],
                        script_dir=user_opts["adhoc"]["script_dir"],
                    )
                    for m in user_opts["adhoc"]["remote_hostnames"]
                ],
            ),
        )
    ],
    # AdHoc clusters do not grow
    strategy=None,
)

assert [channel.hostname for channel in config.executors[0].provider.channels] == ["REMOTE_HOST_1", "REMOTE_HOST_2"]
assert config.strategy in (None, "none")
