"""CTK and Slicer widget classes as PySide classes: Qt properties and slots made from the facts, behaviour written by hand."""

from __future__ import annotations

from typing import Any, TypeVar

from PySide6 import QtCore, QtGui

from . import facts, signals
from .convert import FLOATS, INTEGERS

Kind = TypeVar("Kind", bound=type)
CTK: dict[str, Any] = {}
SLICER: dict[str, Any] = {}

_PYTHON: dict[str, tuple[Any, Any]] = {
    "bool": (bool, False),
    "QString": (str, ""),
    "QStringList": ("QStringList", []),
    "QColor": (QtGui.QColor, QtGui.QColor()),
    "QIcon": (QtGui.QIcon, QtGui.QIcon()),
    "QSize": (QtCore.QSize, QtCore.QSize()),
}


def _python_type(cpp_type: str) -> tuple[Any, Any]:
    kind = cpp_type.rstrip("!")
    if kind in INTEGERS or "::" in kind:
        return int, 0
    if kind in FLOATS:
        return float, 0.0
    return _PYTHON.get(kind, ("QVariant", None))


def _property(name: str, cpp_type: str) -> Any:
    kind, empty = _python_type(cpp_type)

    def get(self: Any) -> Any:
        own = getattr(self, f"_get_{name}", None)
        if own is not None:
            return own()
        return self.__dict__.setdefault("_values", {}).get(name, type(self).DEFAULTS.get(name, empty))

    def put(self: Any, value: Any) -> None:
        own = getattr(self, f"_set_{name}", None)
        if own is not None:
            own(value)
            return
        self.__dict__.setdefault("_values", {})[name] = value
        self._changed(name)

    return QtCore.Property(kind, get, put)


def _setter(name: str) -> Any:
    def put(self: Any, value: Any) -> None:
        self.setProperty(name, value)

    return put


def emulated(written: Kind) -> Kind:
    """Give a hand-written widget class the properties and simple setters that the facts list, and register it."""
    name = written.__name__
    own = facts.CLASSES[name]
    added: dict[str, Any] = {"DEFAULTS": getattr(written, "DEFAULTS", {})}
    inherited: dict[str, Any] = {}
    for base in written.__mro__[1:]:
        inherited = {**base.__dict__.get("DEFAULTS", {}), **inherited}
    added["DEFAULTS"] = {**inherited, **added["DEFAULTS"]}
    for key, cpp_type in own.get("props", {}).items():
        added[key] = _property(key, cpp_type)
    for key in own.get("methods", {}):
        target = key[3:4].lower() + key[4:]
        if key.startswith("set") and facts.property_type(name, target) and not hasattr(written, key):
            added[key] = _setter(target)
    if not hasattr(written, "_changed"):
        added["_changed"] = lambda self, key: None
    made = type(name, (written,), added)
    (CTK if own.get("space") == "ctk" else SLICER)[name] = made
    return made


class Emits:
    """Mixin: sends a signal that only the facts know."""

    def send(self, signal: str, *values: Any) -> None:
        """Send a signal given by its C++ signature, which must be one of the class's."""
        known = {signals.normalised(one) for one in facts.signals(type(self).__name__)}
        assert signal in known, f"{signal} is no signal of {type(self).__name__}: {sorted(known)}"
        signals.emit(self, signal, *values)  # type: ignore[arg-type]
