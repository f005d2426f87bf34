import parsl
from parsl.configs.local_threads import config

parsl.load(config)

assert parsl.dfk().config.executors[0].label == config.executors[0].label
