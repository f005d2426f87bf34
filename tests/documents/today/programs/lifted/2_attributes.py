import parsl
from parsl import python_app

parsl.load()


@python_app
def half(n):
    from fractions import Fraction

    return Fraction(n, 2)


fut = half(9)
assert fut.numerator.result() == fut.result().numerator == 9
assert fut.denominator.result() == 2

# names that begin with an underscore are the future's own
try:
    fut._numerator
except AttributeError:
    print("not lifted")
