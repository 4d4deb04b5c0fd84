"""``@parameterPack``: several parameters under one name."""

from __future__ import annotations

import copy
from typing import Any, get_type_hints

from .annotations import Default, first, split

MARK = "_standin_pack"


def hints(kind: Any) -> dict[str, Any]:
    """Return a pack's fields and their types."""
    return get_type_hints(kind, include_extras=True)


def isParameterPack(kind: Any) -> bool:
    """Tell whether a class or an object is a pack."""
    return MARK in vars(kind if isinstance(kind, type) else type(kind))


def default_of(kind: Any, key: str, hint: Any) -> Any:
    """Return a field's default: assigned, annotated, or the type's own."""
    from .serializers import createSerializer

    if key in vars(kind).get("_defaults", vars(kind)):
        return copy.deepcopy(vars(kind).get("_defaults", vars(kind))[key])
    found = first(split(hint)[1], Default)
    return found.value if found is not None else createSerializer(hint).default()


def nestedParameterNames(pack: Any) -> list[str]:
    """Return the names of all fields, with dots where a field is a pack."""
    names = []
    for key, hint in hints(pack if isinstance(pack, type) else type(pack)).items():
        bare = split(hint)[0]
        names += [f"{key}.{inner}" for inner in nestedParameterNames(bare)] if isParameterPack(bare) else [key]
    return names


def parameterPack(classtype: Any = None) -> Any:
    """Make a class a pack: constructor by position or keyword, comparison, and values checked at assignment."""
    if classtype is None:
        return parameterPack
    fields = hints(classtype)
    classtype._defaults = {key: vars(classtype)[key] for key in fields if key in vars(classtype)}

    def init(self: Any, *args: Any, **keywords: Any) -> None:
        given = {**dict(zip(fields, args, strict=False)), **keywords}
        unknown = set(given) - set(fields)
        if unknown or len(args) > len(fields):
            raise ValueError(f"{classtype.__name__} has no fields {sorted(unknown)}")
        for key, hint in fields.items():
            setattr(self, key, given[key] if key in given else default_of(classtype, key, hint))

    def put(self: Any, key: str, value: Any) -> None:
        object.__setattr__(self, key, value)
        if key in fields and "_store" in vars(self):
            self._store(key, value)

    def same(self: Any, other: object) -> bool:
        return type(self) is type(other) and all(getattr(self, key) == getattr(other, key) for key in fields)

    for name, function in (("__init__", init), ("__setattr__", put), ("__eq__", same)):
        if name not in vars(classtype) or name == "__setattr__":
            setattr(classtype, name, function)
    setattr(classtype, MARK, True)
    return classtype
