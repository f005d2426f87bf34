"""Values, exceptions and futures as plain text, so that two programs can be compared."""

import importlib
import re

PLAIN = (bool, int, float, complex, str, bytes, type(None))


def tell(value):
    """What a value is: its text if that says all, else its type."""
    kind = type(value)
    if kind in PLAIN:
        return repr(value)
    if kind in (list, tuple):
        return "%s(%s)" % (kind.__name__, ", ".join(map(tell, value)))
    if kind in (set, frozenset):
        return "%s(%s)" % (kind.__name__, ", ".join(sorted(map(tell, value))))
    if kind is dict:
        return "{%s}" % ", ".join("%s: %s" % (tell(key), tell(item)) for key, item in value.items())
    if isinstance(value, BaseException):
        return repr(tell_error(value))
    if kind.__name__ in ("Fraction", "SimpleNamespace"):
        return "%s %s" % (kind.__name__, value)
    if kind.__name__ == "File":
        return "File %s" % value.filepath
    return "a %s" % kind.__name__


ERRORS = [
    "app.errors",
    "dataflow.errors",
    "serialize.errors",
    "executors.errors",
    "executors.high_throughput.errors",
    "providers.errors",
    "errors",
]


def home(kind):
    """The module where a class is found, the package by Parsl's name."""
    package = kind.__module__.partition(".")[0]
    if package not in ("parsl", "parsl_like"):
        return kind.__module__
    for name in ERRORS:
        if getattr(importlib.import_module(package + "." + name), kind.__name__, None) is kind:
            return "parsl." + name
    return re.sub(r"^parsl_like\b", "parsl", kind.__module__)


def tell_error(error):
    """The type of an exception, and what a program may look at."""
    kind = type(error)
    told = {"type": "%s.%s" % (home(kind), kind.__qualname__)}
    if not home(kind).startswith("parsl"):
        told["line"] = (str(error).splitlines() or [""])[0]
        told["args"] = tell(error.args)
    for name in ("exitcode", "app_name", "outputs", "what", "where", "errno", "filename"):
        if hasattr(error, name):
            told[name] = tell(getattr(error, name))
    if hasattr(error, "dependent_exceptions_tids"):
        told["roots"] = sorted(roots(error))
    if isinstance(error, BaseExceptionGroup):
        told["members"] = [tell_error(member)["type"] for member in error.exceptions]
    if error.__cause__ is not None and not home(kind).startswith("parsl"):
        told["cause"] = home(type(error.__cause__)) + "." + type(error.__cause__).__qualname__
    return told


def roots(error):
    """The types of the exceptions where the trouble began."""
    found = set()
    for inner, _ in error.dependent_exceptions_tids:
        if hasattr(inner, "dependent_exceptions_tids"):
            found |= roots(inner)
        else:
            found.add("%s.%s" % (home(type(inner)), type(inner).__qualname__))
    return found


def tell_future(future, timeout):
    """How a future ended."""
    error = future.exception(timeout)
    told = {"error": tell_error(error)} if error is not None else {"result": tell(future.result())}
    told["done"] = future.done()
    told["cancelled"] = future.cancelled()
    return told
