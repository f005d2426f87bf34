from parsl_like import Config, HighThroughputExecutor, load, python_app
from parsl_like.providers import LocalProvider

htex = HighThroughputExecutor(label="htex", max_workers_per_node=1, provider=LocalProvider())


@python_app
def double(x):
    return 2 * x


print(htex.connected_managers(), htex.outstanding)
with load(Config(executors=[htex])) as dfk:
    print(double(4).result())
    print(htex.connected_blocks(), htex.connected_workers, htex.outstanding())
    print(dfk.executors["htex"].bad_state_is_set, dfk.executors["htex"].workers_per_node)
