from parsl.config import Config
from parsl.executors import HighThroughputExecutor

config = Config(executors=[HighThroughputExecutor(working_dir="/home/user/data")])
assert config.executors[0].working_dir == "/home/user/data"
