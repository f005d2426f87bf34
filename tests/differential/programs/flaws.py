"""Exceptions of a user, in a module that workers can import."""


class Flaw(Exception):
    """Takes two arguments, and gives both to its base."""

    def __init__(self, what, where):
        super().__init__(what, where)
        self.what = what
        self.where = where

    def __str__(self):
        return "%s at %s" % (self.what, self.where)


class AwkwardFlaw(Exception):
    """Cannot be made again from its ``args``, which is what unpickling tries."""

    def __init__(self, what, where):
        super().__init__("%s at %s" % (what, where))
        self.where = where


class StubbornFlaw(Exception):
    """Has an attribute that cannot be pickled."""

    def __init__(self, what):
        super().__init__(what)
        self.remembers = (line for line in what)


def make(kind, text):
    """An exception of a kind, with a text."""
    if kind == "Flaw":
        return Flaw(text, "here")
    if kind == "AwkwardFlaw":
        return AwkwardFlaw(text, "here")
    if kind == "StubbornFlaw":
        return StubbornFlaw(text)
    if kind == "OSError":
        return OSError(2, text, "file")
    if kind == "LocalFlaw":

        class LocalFlaw(Exception):
            pass

        return LocalFlaw(text)
    if kind == "group":
        return ExceptionGroup(text or "group", [ValueError(text), Flaw(text, "inside")])
    return {"ValueError": ValueError, "KeyError": KeyError, "ZeroDivisionError": ZeroDivisionError}[kind](text)


def chained(kind, text):
    """Raise one because of another."""
    try:
        raise LookupError("the cause")
    except LookupError as cause:
        raise make(kind, text) from cause
