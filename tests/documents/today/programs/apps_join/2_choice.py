import parsl
from parsl import join_app, python_app

parsl.load()


@python_app
def measure(value):
    return value


@python_app
def heat(degrees):
    return 20 - degrees


@python_app
def cool(degrees):
    return degrees - 20


@join_app
def adjust(degrees):
    if degrees < 20:
        return heat(degrees)
    else:
        return cool(degrees)


@python_app
def report(change):
    return f"changed by {change}"


print(report(adjust(measure(15))).result(), report(adjust(measure(27))).result())
