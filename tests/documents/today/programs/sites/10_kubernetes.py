from parsl.addresses import address_by_route
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import KubernetesProvider

assert callable(address_by_route)  # where the pods reach the program

config = Config(
    executors=[
        HighThroughputExecutor(
            label="kube-htex",
            cores_per_worker=1,
            max_workers_per_node=1,
            worker_logdir_root="/logs",
            address="192.0.2.1",
            provider=KubernetesProvider(
                namespace="default",
                image="registry.example.org/my-image:1",
                worker_init="pip3 install numpy",
                nodes_per_block=1,
                init_blocks=1,
                max_blocks=1,
                persistent_volumes=[("my-claim", "/data")],
            ),
        )
    ],
)

provider = config.executors[0].provider
assert provider.image == "registry.example.org/my-image:1"
assert [tuple(volume) for volume in provider.persistent_volumes] == [("my-claim", "/data")]
