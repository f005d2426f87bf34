"""Which modules another interpreter can import by name.

What comes from the others, ``__main__`` first of all, has to travel by value: a pickle that only names it succeeds
here and fails where it arrives.
"""

from __future__ import annotations

import os
import sys

_importable: dict[str, bool] = {"__main__": False, "__mp_main__": False}

# A short string as the pickler writes it: opcode, length, text. Only a string that is exactly the name matches, so a
# program's source text does not.
MAIN_REFERENCE = b"\x8c\x08__main__"
_other_references: list[bytes] = []


def importable(module_name: object) -> bool:
    """Whether a fresh interpreter with this one's module path would find the same module.

    Decided by the module's top-level package, once per name; where it cannot be decided, the answer is yes.

    Args:
        module_name: What an object's ``__module__`` says.
    """
    if not isinstance(module_name, str):
        return False
    known = _importable.get(module_name)
    if known is None:
        known = _importable[module_name] = _finds_same(module_name.partition(".")[0])
        if not known and len(name := module_name.encode(errors="replace")) < 256:
            _other_references.append(b"\x8c" + bytes((len(name),)) + name)
    return known


def mentions_local(body: bytes) -> bool:
    """Whether a pickle names a module that is known not to be importable elsewhere."""
    return MAIN_REFERENCE in body or any(reference in body for reference in _other_references)


def _finds_same(top: str) -> bool:
    if top in sys.builtin_module_names:
        return True
    file = getattr(sys.modules.get(top), "__file__", None)
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        try:
            spec = find(top, None, None) if find else None
        except Exception:  # noqa: BLE001 - finders are foreign code; a broken one decides nothing
            return True
        if spec is not None:
            return not file or not spec.has_location or os.path.realpath(spec.origin) == os.path.realpath(file)
    return False
