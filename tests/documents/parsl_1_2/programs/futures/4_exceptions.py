import parsl
from parsl import python_app
from parsl.dataflow.error import DependencyError

parsl.load()


@python_app
def bad_divide(x):
    return 6 / x


@python_app
def increment(x):
    return x + 1


doubled_x = bad_divide(0)
after = increment(doubled_x)

try:
    doubled_x.result()
except ZeroDivisionError as ze:
    print("Oops! You tried to divide by 0:", ze)
except Exception as e:
    print("Oops! Something really bad happened:", repr(e))

# what needs it cannot run
try:
    after.result()
except DependencyError as de:
    print(type(de).__name__, len(de.dependent_exceptions_tids))
