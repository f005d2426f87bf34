import parsl
from parsl.app.app import python_app

parsl.load()


# the area under y = x * x between 0 and 1, by points that are dropped into the unit square
@python_app
def area(num_points):
    from random import random

    below = 0
    for i in range(num_points):
        x, y = random(), random()
        if y < x * x:
            below += 1
    return below / num_points


@python_app
def mean(a, b, c):
    return (a + b + c) / 3


a, b, c = area(10**4), area(10**4), area(10**4)
mean_area = mean(a, b, c)

print("a: {:.5f} b: {:.5f} c: {:.5f}".format(a.result(), b.result(), c.result()))
print("Average: {:.5f}".format(mean_area.result()))
assert abs(mean_area.result() - 1 / 3) < 0.05
assert abs(mean_area.result() - (a.result() + b.result() + c.result()) / 3) < 1e-12
