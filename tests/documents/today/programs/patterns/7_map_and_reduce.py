import parsl
from parsl import python_app

parsl.load()


@python_app
def length(word):
    return len(word)


@python_app
def longest(inputs):
    return max(inputs)


lengths = []
for word in ("a", "map", "phase", "and", "one", "that", "reduces"):
    lengths.append(length(word))

print(longest(inputs=lengths).result())
