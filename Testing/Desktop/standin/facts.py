"""Look-up in facts.json: which members Python sees of a desktop class, along its C++ bases."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

CLASSES: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "facts.json").read_text(encoding="utf-8"))["classes"]


@cache
def chain(name: str) -> tuple[str, ...]:
    """Return a class and its bases, nearest first, as far as the facts know them."""
    found = []
    step: str | None = name
    while step is not None and step in CLASSES:
        found.append(step)
        step = CLASSES[step].get("base")
    return tuple(found)


@cache
def overloads(name: str, member: str) -> tuple[tuple[str, ...], ...]:
    """Return the argument types of a method's overloads, or nothing for a name that is no method."""
    found: list[tuple[str, ...]] = []
    for one in chain(name):
        found += [tuple(types) for types in CLASSES[one].get("methods", {}).get(member, [])]
    return tuple(dict.fromkeys(found))


@cache
def property_type(name: str, member: str) -> str | None:
    """Return a property's C++ type (with ``!`` if it is read-only), or None."""
    for one in chain(name):
        found = CLASSES[one].get("props", {}).get(member)
        if found is not None:
            return str(found)
    return None


@cache
def signals(name: str, member: str = "") -> tuple[str, ...]:
    """Return the signatures of a class's signals, or of the one with a name, nearest class first."""
    found = [text for one in chain(name) for text in CLASSES[one].get("signals", [])]
    return tuple(text for text in found if not member or text.partition("(")[0] == member)


@cache
def is_plain(name: str, member: str) -> bool:
    """Tell whether a name is a plain C++ method, which Python does not see."""
    return any(member in CLASSES[one].get("plain", ()) for one in chain(name))


@cache
def enum_value(name: str, member: str) -> int | None:
    """Return the value of a Slicer or CTK enumerator."""
    for one in chain(name):
        found = CLASSES[one].get("enums", {}).get(member)
        if found is not None:
            return int(found)
    return None


def constructors(name: str) -> list[list[str]]:
    """Return the constructors' argument types."""
    one = CLASSES.get(name, {})
    if "space" in one:
        return [["QWidget*="]] if one.get("constructible") else []
    return list(one.get("ctors", []))
