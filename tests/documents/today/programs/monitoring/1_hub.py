import os
import sqlite3

import parsl
from parsl import python_app
from parsl.addresses import address_by_hostname
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.monitoring.monitoring import MonitoringHub

config = Config(
    executors=[
        HighThroughputExecutor(
            label="local_htex",
            cores_per_worker=1,
            max_workers_per_node=4,
            address=address_by_hostname(),
        )
    ],
    monitoring=MonitoringHub(
        hub_address=address_by_hostname(),
        monitoring_debug=False,
        resource_monitoring_interval=10,
    ),
    strategy="none",
)


@python_app
def observed():
    return 1


if __name__ == "__main__":
    with parsl.load(config):
        observed().result()
    with sqlite3.connect(os.path.join("runinfo", "monitoring.db")) as database:
        print(database.execute("SELECT task_func_name FROM task").fetchall())
