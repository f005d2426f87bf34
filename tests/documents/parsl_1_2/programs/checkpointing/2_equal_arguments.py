import parsl
from parsl import python_app

parsl.load()


@python_app(cache=True)
def f(x):
    with open("ran", "a") as ran:
        ran.write("%r\n" % (x,))
    return x


# the second call of each pair finds the result of the first
for x, y in ((1, 1), ("text", "tex" + "t"), ([1, "two"], [1, "two"]), ({"k": None}, {"k": None})):
    f(x).result()
    f(y).result()

with open("ran") as ran:
    print(ran.read())
