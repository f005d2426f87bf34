import parsl_like
from parsl_like import Config, python_app
from parsl_like.dataflow.memoization import BasicMemoizer


@python_app(cache=True)
def simulate(seed):
    print("simulating", seed)
    return seed * seed


for seeds in (range(3), range(5)):  # the second run has more to do
    config = Config(memoizer=BasicMemoizer(checkpoint_mode="task_exit"))
    with parsl_like.load(config):
        print([simulate(seed).result() for seed in seeds])
