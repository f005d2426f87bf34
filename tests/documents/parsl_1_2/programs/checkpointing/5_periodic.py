import parsl
from parsl import python_app
from parsl.configs.local_threads import config
from parsl.utils import get_all_checkpoints

config.checkpoint_mode = "periodic"
config.checkpoint_period = "00:00:01"


@python_app(cache=True)
def double(x):
    with open("ran", "a") as ran:
        ran.write("%d\n" % x)
    return x * 2


def run():
    dfk = parsl.load(config)
    print([double(x).result() for x in range(3)])
    dfk.cleanup()
    parsl.clear()


run()
config.checkpoint_files = get_all_checkpoints()
run()

# the second run has found everything
with open("ran") as ran:
    print(ran.read().split())
