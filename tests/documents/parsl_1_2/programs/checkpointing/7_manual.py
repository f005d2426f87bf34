import os

import parsl
from parsl.configs.local_threads import config

config.checkpoint_mode = "manual"
dfk = parsl.load(config)

# whenever the program likes
path = dfk.checkpoint()
assert os.path.join(dfk.run_dir, "checkpoint") == path, path
