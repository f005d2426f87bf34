import parsl
from parsl import python_app

parsl.load()


@python_app
def bad_divide(x):
    return 6 / x


# nothing happens yet:
doubled_x = bad_divide(0)

# the exception waits in the future
try:
    doubled_x.result()
except ZeroDivisionError as e:
    print("Oops! You tried to divide by 0:", e)
except Exception as e:
    print("Oops! Something really bad happened:", repr(e))
