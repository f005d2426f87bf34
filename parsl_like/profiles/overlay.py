"""One table over another: what a profile says differently from the one that it extends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsl_like.errors import ConfigurationError
from parsl_like.profiles.nodes import TYPE, Node, ProfileError
from parsl_like.profiles.special import KINDS

if TYPE_CHECKING:
    from parsl_like.profiles.catalog import Catalog

EXECUTORS: Final = "executors"
_LABEL: Final = "label"


def overlaid(base: Node, over: Node, catalog: Catalog) -> Node:
    """A configuration's table with another one over it.

    A table over a table changes the entries it names; one that says its own ``type`` replaces what was there, and so
    does everything that is no table. Executors may be a table by label: then each goes over the one so called.

    Args:
        base: What is changed.
        over: What changes it.
        catalog: Classes by name.

    Raises:
        ProfileError: executors are named in a way that cannot be meant.
    """
    mine, theirs = over.entries.get(EXECUTORS), base.entries.get(EXECUTORS)
    merged = dict(_over(base, over).entries)
    if mine is not None and isinstance(mine.value, dict):
        known = [] if theirs is None else list(_by_label(theirs, catalog).items())
        by_label = dict(known)
        for label, entry in mine.entries.items():
            by_label[label] = _over(by_label[label], entry) if label in by_label else entry
        merged[EXECUTORS] = _listed(Node(by_label, mine.place))
    return Node(merged, over.place)


def with_listed_executors(node: Node) -> Node:
    """A configuration's table in which executors that were given by label are a list."""
    executors = node.entries.get(EXECUTORS)
    if executors is None or not isinstance(executors.value, dict) or executors.type in KINDS:
        return node
    return Node({**node.entries, EXECUTORS: _listed(executors)}, node.place)


def _over(base: Node, over: Node) -> Node:
    if not isinstance(base.value, dict) or not isinstance(over.value, dict) or TYPE in over.value:
        return over
    if base.type in KINDS:
        return over
    merged = dict(base.value)
    for name, part in over.value.items():
        merged[name] = _over(merged[name], part) if name in merged else part
    return Node(merged, over.place)


def _by_label(executors: Node, catalog: Catalog) -> dict[str, Node]:
    if isinstance(executors.value, dict):
        return executors.entries
    return {_label(entry, catalog): entry for entry in executors.value}


def _label(entry: Node, catalog: Catalog) -> str:
    """The label of an executor; if its table does not say it, that of its class."""
    if _LABEL in entry.entries:
        return str(entry.entries[_LABEL].value)
    try:
        return str(getattr(catalog.type_named(entry.type or ""), _LABEL, ""))
    except ConfigurationError as error:
        raise ProfileError(entry.place, str(error.args[0]), hint=error.hint) from error


def _listed(executors: Node) -> Node:
    entries = []
    for label, entry in executors.entries.items():
        if not isinstance(entry.value, dict):
            raise ProfileError(entry.place, f"executors are a list of tables, or tables by label; {label!r} is none.")
        said = entry.entries.get(_LABEL, Node(label, entry.place))
        if said.value != label:
            raise ProfileError(said.place, f"this executor's label is its key, {label!r}.", hint="leave label out.")
        entries.append(Node({**entry.entries, _LABEL: said}, entry.place))
    return Node(entries, executors.place)
