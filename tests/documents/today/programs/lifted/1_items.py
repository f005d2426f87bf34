import parsl
from parsl import python_app

parsl.load()


@python_app
def prices():
    return {"tea": [2, 3], "coffee": [4]}


@python_app
def add(a, b):
    return a + b


fut = prices()
assert fut["tea"].result() == fut.result()["tea"]
print(add(fut["tea"][1], fut["coffee"][0]).result())

# a key that is not there shows in the new future
absent = fut["cocoa"]
try:
    absent.result()
except KeyError as e:
    print("no", e)

# a length would have to be there at once
try:
    len(fut)
except TypeError:
    print("no length")
