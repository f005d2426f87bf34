from functools import partial, update_wrapper

import parsl
from parsl import python_app

parsl.load()

largest_first = partial(sorted, reverse=True)
largest_first = update_wrapper(largest_first, sorted)  # an app needs a name
largest_first_app = python_app(largest_first)
print(largest_first_app([2, 3, 1]).result())
