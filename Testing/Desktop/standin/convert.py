"""Values between Python and Qt by PythonQt's rules: lenient for text, numbers and flags, strict where it is strict."""

from __future__ import annotations

import enum
import math
from functools import cache
from typing import Any

import shiboken6
from PySide6 import QtCore, QtGui, QtNetwork, QtPrintSupport, QtUiTools, QtWidgets

MODULES = (QtWidgets, QtCore, QtGui, QtUiTools, QtPrintSupport, QtNetwork)
INTEGERS = {
    "int",
    "uint",
    "long",
    "longlong",
    "qlonglong",
    "qint64",
    "quint64",
    "unsigned int",
    "unsignedint",
    "qsizetype",
    "short",
}
FLOATS = {"double", "float", "qreal"}
ALIASES = {"qSlicerIO::IOFileType": "QString", "qSlicerIO::IOProperties": "QVariant"}
LISTS = ("QStringList", "QList<", "QVariantList", "QVector<", "QObjectList", "QModelIndexList")

FROM_ENUM = {"QCursor": QtCore.Qt.CursorShape, "QColor": QtCore.Qt.GlobalColor, "QKeySequence": QtGui.QKeySequence.StandardKey}
FROM_OTHER = {"QColor", "QKeySequence", "QBrush", "QPen", "QIcon", "QCursor", "QUrl"}
"""Value classes that Qt makes implicitly of an enumerator, or of a text or another value."""


class EnumValue(int):
    """An enumerator: an int, with nothing of ``enum.Enum`` about it."""

    label: str

    def __new__(cls, value: int, label: str = "") -> EnumValue:
        made = super().__new__(cls, value)
        made.label = label
        return made

    def __repr__(self) -> str:
        return f"{self.label} ({int(self):#010x})"

    __str__ = int.__repr__


def number_of(member: enum.Enum) -> int:
    """Return the number of a PySide enumerator."""
    value = member.value
    return value if isinstance(value, int) else int(value[0])


def pyside_class(name: str) -> Any:
    """Return a PySide class by name, or None."""
    return next((getattr(module, name) for module in MODULES if hasattr(module, name)), None)


@cache
def enum_class(cpp_type: str) -> Any:
    """Return the PySide enum class of ``Qt::Alignment``, ``QFlags<Qt::AlignmentFlag>``, ... or None."""
    text = cpp_type.removeprefix("QFlags<").rstrip(">")
    owner, _, name = text.partition("::")
    found = getattr(pyside_class(owner), name, None) if name else None
    return found if isinstance(found, type) and issubclass(found, enum.Enum) else None


def unwrap(value: Any) -> Any:
    """Return the PySide value of a wrapper, and other values as they are."""
    if isinstance(value, (list, tuple)):
        return [unwrap(one) for one in value]
    if isinstance(value, dict):
        return {key: unwrap(one) for key, one in value.items()}
    if isinstance(value, EnumValue):
        return int(value)
    return getattr(value, "_qt", value) if hasattr(type(value), "_standin_wrapper") else value


def strict(value: Any, cpp_type: str) -> bool:  # noqa: PLR0911
    """Tell whether a value has exactly the type that an overload asks for."""
    kind = ALIASES.get(cpp_type.rstrip("=!"), cpp_type.rstrip("=!"))
    if kind == "bool":
        return isinstance(value, bool)
    if kind in INTEGERS:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in FLOATS:
        return isinstance(value, float)
    if kind == "QString":
        return isinstance(value, str)
    if kind.startswith(LISTS):
        return isinstance(value, (list, tuple))
    if kind == "QVariant":
        return True
    if "::" in kind:
        return isinstance(value, EnumValue)
    raw = unwrap(value)
    if kind.endswith("*"):
        return raw is None or _is_a(raw, kind[:-1].removesuffix("!").rstrip("*"))
    return _is_a(raw, kind)


def _is_a(raw: Any, name: str) -> bool:
    if hasattr(raw, "IsA"):
        return bool(raw.IsA(name))
    return any(one.__name__ == name for one in type(raw).__mro__)


class NoConversion(Exception):
    """A value that PythonQt would not convert."""


def convert(value: Any, cpp_type: str) -> Any:  # noqa: PLR0911, PLR0912
    """Convert leniently: text by str(), whole numbers by floor, truth for bool, a string into a list of its letters."""
    kind = ALIASES.get(cpp_type.rstrip("=!"), cpp_type.rstrip("=!"))
    if kind == "QString":
        return str(value)
    if kind == "bool":
        return bool(value)
    if kind in INTEGERS or kind in FLOATS:
        if not isinstance(value, (int, float)):
            raise NoConversion(f"{value!r} is no {kind}")
        return float(value) if kind in FLOATS else math.floor(value)
    if kind.startswith("QStringList"):
        if isinstance(value, (str, list, tuple)):
            return [str(one) for one in value]
        raise NoConversion(f"{value!r} is no QStringList")
    enumeration = enum_class(kind)
    if enumeration is not None or "::" in kind:
        if isinstance(value, int):
            return enumeration(int(value)) if enumeration is not None else int(value)
        if isinstance(value, str) and enumeration is not None and hasattr(enumeration, value):
            return getattr(enumeration, value)
        raise NoConversion(f"{value!r} is no {kind}")
    raw = unwrap(value)
    if kind == "QVariant":
        return raw
    if kind.endswith("*"):
        if value is None or (isinstance(value, int) and value == 0):
            return None
        if isinstance(raw, (str, int, float)) and "char" not in kind:
            raise NoConversion(f"{value!r} is no {kind}")
        return raw
    return _value_class(raw, kind)


def _value_class(raw: Any, kind: str) -> Any:
    """Let a QColor be made of its name, a QKeySequence of its text and so on, where Qt converts implicitly."""
    wanted = pyside_class(kind)
    if wanted is None or isinstance(raw, (wanted, list, dict)):
        return raw
    if isinstance(raw, int) and kind in FROM_ENUM:
        return wanted(FROM_ENUM[kind](raw))
    if isinstance(raw, (str, shiboken6.Object)) and kind in FROM_OTHER:
        return wanted(raw)
    if isinstance(raw, str) and kind == "QByteArray":
        return QtCore.QByteArray(raw.encode())
    if isinstance(raw, (str, int, float)):
        raise NoConversion(f"{raw!r} is no {kind}")
    return raw
