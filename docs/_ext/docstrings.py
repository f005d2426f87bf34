"""Reads docstrings as this package writes them.

- No docstring names a type: annotations do. Napoleon takes what stands before the first colon of a property's
  docstring, or of a ``Returns:`` section, for one; an empty type in front keeps the sentence whole.
- A class in an annotation that is imported for type checkers only is known by its bare name. If the reference has one
  thing of that name, the name leads there; else it is reported as any other reference without a target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docutils.nodes import Element, TextElement
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

BEFORE_NAPOLEON = 400
SENTENCES = ("property", "attribute", "data")


def keep_sentences(_app: Sphinx, what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Put an empty type before what is a sentence."""
    if what in SENTENCES and lines and ":" in lines[0]:
        lines[0] = f": {lines[0]}"
    for number, line in enumerate(lines[:-1], 1):
        if line.strip() == "Returns:":
            text = lines[number].lstrip()
            lines[number] = f"{' ' * (len(lines[number]) - len(text))}: {text}"


def find_by_last_part(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: TextElement) -> Element | None:
    """The one documented object whose name ends in what is referred to."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target:
        return None
    domain = env.domains.python_domain
    last = target.rpartition(".")[2]
    found = [name for name, known in domain.objects.items() if name.rpartition(".")[2] == last and not known.aliased]
    if len(found) != 1:
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", found[0], node, content)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect both."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", keep_sentences, priority=BEFORE_NAPOLEON)
    app.connect("missing-reference", find_by_last_part)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
