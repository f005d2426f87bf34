import parsl_like
from parsl_like import Config, HighThroughputExecutor, python_app
from parsl_like.providers import LocalProvider

executor = HighThroughputExecutor(
    label="elastic",
    provider=LocalProvider(init_blocks=0, min_blocks=0, max_blocks=3),
    max_workers_per_node=1,
)


@python_app
def block():
    import os
    import time

    time.sleep(0.5)
    return os.environ["PARSL_WORKER_BLOCK_ID"]


with parsl_like.load(Config(executors=[executor])) as dfk:
    print("before:", dfk.executors["elastic"].connected_blocks())
    used = {call.result() for call in [block() for _ in range(8)]}
    print("some blocks ran tasks:", used <= {"0", "1", "2"})
    decisions = [record.fields for record in dfk.records.last("decision") if record.fields["scale_out"]]
    print("asked for", sum(decision["scale_out"] for decision in decisions), "blocks")
    print("the last because:", decisions[-1]["reason"])
