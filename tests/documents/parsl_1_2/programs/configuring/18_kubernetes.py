from parsl.addresses import address_by_route  # noqa: F401
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import KubernetesProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="kube-htex",
            cores_per_worker=1,
            max_workers=1,
            worker_logdir_root="YOUR_WORK_DIR",
            # pods reach this program here
            address="192.0.2.17",  # address_by_route() finds it
            provider=KubernetesProvider(
                namespace="default",
                # an image with Parsl in it
                image="YOUR_DOCKER_URL",
                nodes_per_block=1,
                init_blocks=1,
                # pods at once
                max_blocks=10,
            ),
        ),
    ]
)

provider = config.executors[0].provider
assert (provider.image, provider.namespace, provider.max_blocks) == ("YOUR_DOCKER_URL", "default", 10)
