"""The module ``qt``: all Qt kits that PythonQt wraps, flat in one namespace."""

from __future__ import annotations

import types
from typing import Any

from PySide6 import QtCore

from . import facts
from .convert import pyside_class
from .wrapping import wrapper_class


class _Namespace(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        found = pyside_class(name)
        if name == "Qt":
            found = QtCore.Qt
        if not isinstance(found, type) or (name not in facts.CLASSES and name != "Qt"):
            where = "; add it to make_facts.py" if isinstance(found, type) else ""
            raise AttributeError(f"module 'qt' has no attribute '{name}'{where}")
        made = _namespace_class(found) if name == "Qt" else wrapper_class(found)
        setattr(self, name, made)
        return made


def _namespace_class(found: Any) -> Any:
    from . import members

    class Names(type):
        def __getattr__(cls, name: str) -> Any:
            value = members.enumerator(found, name)
            if value is None:
                raise AttributeError(f"type object 'Qt' has no attribute '{name}'")
            return value

    return Names("Qt", (), {})


def make() -> types.ModuleType:
    """Return the module."""
    return _Namespace("qt", "Qt as PythonQt wraps it (stand-in on PySide6)")
