import os

import parsl
from parsl.app.app import bash_app, python_app
from parsl.configs.local_threads import config

# parsl.set_stream_logger() shows the log on the screen

print(parsl.__version__)

assert parsl.__version__.split(".")[0].isdigit()
assert callable(python_app) and callable(bash_app) and os.getcwd()
(executor,) = config.executors
assert type(executor).__name__ == "ThreadPoolExecutor"
