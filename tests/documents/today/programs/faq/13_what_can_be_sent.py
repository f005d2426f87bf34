import pickle

import parsl
from parsl import Config, python_app
from parsl.executors import HighThroughputExecutor
from parsl.serialize.errors import SerializationError

YOUR_DATA_OBJECT = (line for line in "abc")


@python_app
def use(thing):
    return thing


if __name__ == "__main__":
    try:
        pickle.dumps(YOUR_DATA_OBJECT)
    except TypeError:
        print("cannot be pickled,")

    with parsl.load(Config(executors=[HighThroughputExecutor()])):
        error = use(YOUR_DATA_OBJECT).exception()
        assert isinstance(error, SerializationError), repr(error)
        print("nor sent;", use({"plain": "data"}).result(), "can")
