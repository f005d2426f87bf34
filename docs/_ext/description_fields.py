"""The directive ``description-fields``: a table of a description's fields, made from the class itself.

The names, defaults and meanings are those the class has, so the table cannot say anything else. A field without a
``help`` in its metadata, like a class that does not exist, fails the build.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class Row(NamedTuple):
    """One field as the table shows it."""

    name: str
    default: str
    meaning: str


def described(path: str) -> type:
    """The description that ``package.module:Class`` leads to.

    Raises:
        ValueError: there is no such dataclass.
    """
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{path} cannot be imported: {error}") from error
    if not isinstance(found, type) or not dataclasses.is_dataclass(found):
        raise ValueError(f"{path} is not a dataclass")
    return found


def rows(description: Any) -> list[Row]:
    """A row for each argument of the description, in the order of its signature.

    Raises:
        ValueError: a field does not say what it means.
    """
    fields = {field.name: field for field in dataclasses.fields(description) if field.init}
    arguments = inspect.signature(description).parameters
    if unlike := fields.keys() ^ arguments.keys():
        raise ValueError(f"{description.__name__}: fields and arguments differ in {', '.join(sorted(unlike))}")
    if silent := [name for name, field in fields.items() if not field.metadata.get("help")]:
        raise ValueError(f"{description.__name__}: no help in the metadata of {', '.join(silent)}")
    return [
        Row(name, _default(argument, fields[name]), fields[name].metadata["help"])
        for name, argument in arguments.items()
    ]


def _default(argument: inspect.Parameter, field: Any) -> str:
    if argument.default is inspect.Parameter.empty:
        return "required"
    return repr(field.default if field.default_factory is dataclasses.MISSING else field.default_factory())


class DescriptionFields(SphinxDirective):
    """Shows the fields of the description named ``package.module:Class``."""

    required_arguments: ClassVar[int] = 1
    has_content: ClassVar[bool] = False

    def run(self) -> list[nodes.Node]:
        """The table; each row can be linked to as ``#<class>-<field>``."""
        try:
            description = described(self.arguments[0])
            found = rows(description)
        except ValueError as error:
            raise self.error(str(error)) from error
        self.env.note_dependency(inspect.getfile(description))
        table = nodes.table(classes=["description-fields"])
        group = nodes.tgroup(cols=len(Row._fields))
        table += group
        group += [nodes.colspec(colwidth=width) for width in (25, 25, 50)]
        header = nodes.thead()
        header += _row([nodes.Text("Field"), nodes.Text("Default"), nodes.Text("What it says")])
        body = nodes.tbody()
        for row in found:
            line = _row([nodes.literal(text=row.name), nodes.literal(text=row.default), nodes.Text(row.meaning)])
            line["ids"].append(nodes.make_id(f"{description.__name__}-{row.name}"))
            body += line
        group += [header, body]
        return [table]


def _row(cells: list[Any]) -> nodes.row:
    line = nodes.row()
    for cell in cells:
        line += nodes.entry("", nodes.paragraph("", "", cell))
    return line


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("description-fields", DescriptionFields)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
