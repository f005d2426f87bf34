import parsl
from parsl import python_app
from parsl.dataflow.errors import DependencyError

parsl.load()


@python_app
def share(cake, guests):
    return cake / guests


@python_app
def eat(piece):
    return "ate %s" % piece


piece = share(1, 0)
try:
    piece.result()
except ZeroDivisionError as error:
    print("nobody came:", error)
except Exception as error:
    print("something else happened:", repr(error))

# what depends on it does not run
try:
    eat(piece).result()
except DependencyError:
    print("nothing to eat")
