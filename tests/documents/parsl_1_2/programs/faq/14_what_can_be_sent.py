import pickle
import threading

import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.executors.errors import SerializationError

YOUR_DATA_OBJECT = threading.Lock()

# the quick test: what pickle refuses
try:
    pickle.dumps(YOUR_DATA_OBJECT)
except TypeError as error:
    print(error)

# is refused as an argument of an app that runs elsewhere
parsl.load(Config(executors=[HighThroughputExecutor(max_workers=1)]))


@python_app
def use(thing):
    return thing


future = use(YOUR_DATA_OBJECT)
error = future.exception()
assert isinstance(error, SerializationError), repr(error)
assert use([1, 2]).result() == [1, 2]
