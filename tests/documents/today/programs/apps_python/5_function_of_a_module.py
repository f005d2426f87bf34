from statistics import median

import parsl
from parsl import python_app

parsl.load()

median_app = python_app(median)
assert median_app.__name__ == "median"
print(median_app([9, 1, 5]).result())
