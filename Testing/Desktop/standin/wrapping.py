"""Wrappers around PySide objects that show what PythonQt shows, and refuse what PythonQt refuses."""

from __future__ import annotations

import contextlib
import enum
import weakref
from typing import Any, ClassVar

import shiboken6
from PySide6 import QtCore

from . import facts, members
from .convert import EnumValue, number_of, unwrap
from .signals import BoundSignal, signatures

_CLASSES: dict[Any, WrapperType] = {}


def fact_name(pyside_class: type) -> str:
    """Return the nearest class that the facts know."""
    return next((one.__name__ for one in pyside_class.__mro__ if one.__name__ in facts.CLASSES), "QObject")


class WrapperType(type):
    """Class of the wrapper classes: enumerators, static and unbound methods as class attributes."""

    _pyside: Any

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__") or "_pyside" not in dir(cls):
            raise AttributeError(name)
        found = members.enumerator(cls._pyside, name)
        if found is not None:
            return found
        plain = name.rstrip("_")
        if facts.overloads(fact_name(cls._pyside), plain) and hasattr(cls._pyside, plain):
            return members.ClassMethod(cls._pyside, plain)
        raise AttributeError(f"type object '{cls.__name__}' has no attribute '{name}'")


class Wrapper(metaclass=WrapperType):
    """Base of all wrapper classes; one wrapper class is no base of another, as in PythonQt."""

    _standin_wrapper: ClassVar[bool] = True
    _pyside: ClassVar[Any] = None
    _qt: Any

    def __init__(self, *args: Any, **keywords: Any) -> None:
        if keywords:
            raise ValueError(f"{type(self).__name__}: constructor does not support kwargs: {sorted(keywords)}")
        made = members.construct(type(self), args)
        adopt(self, made)
        object.__setattr__(self, "_made", True)

    def __getattr__(self, name: str) -> Any:
        if name in {"_qt", "_made", "_kept"} or name.startswith("__"):
            raise AttributeError(name)
        raw = self._qt
        if isinstance(raw, QtCore.QObject):
            return _object_member(self, raw, name)
        return _value_member(self, raw, name)

    def __setattr__(self, name: str, value: Any) -> None:
        raw = self.__dict__.get("_qt")
        if isinstance(raw, QtCore.QObject) and not shiboken6.isValid(raw):
            raise ValueError(f"Trying to set property {name} of a destroyed {type(self).__name__} object")
        if isinstance(raw, QtCore.QObject) and members.set_property(raw, fact_name(type(raw)), name, value):
            return
        if "_pyside" in type(self).__dict__:
            kind = type(self).__name__
            raise AttributeError(f"'{name}' does not exist on {kind} and creating new attributes on C++ objects is not allowed")
        object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        mine = self._qt
        if other is None:
            return isinstance(mine, QtCore.QObject) and not shiboken6.isValid(mine)
        theirs = unwrap(other)
        return bool(mine is theirs or (not isinstance(mine, QtCore.QObject) and mine == theirs))

    def __hash__(self) -> int:
        return hash(self._qt) if isinstance(self._qt, QtCore.QObject) else id(self)

    def __bool__(self) -> bool:
        return not isinstance(self._qt, QtCore.QObject) or bool(shiboken6.isValid(self._qt))

    def __repr__(self) -> str:
        raw = self._qt
        named = f" '{raw.objectName()}'" if isinstance(raw, QtCore.QObject) and shiboken6.isValid(raw) else ""
        return f"{type(self).__name__} (C++ object{named})"

    def __add__(self, other: Any) -> Any:
        return wrap(self._qt + unwrap(other))

    def __sub__(self, other: Any) -> Any:
        return wrap(self._qt - unwrap(other))

    def __lt__(self, other: Any) -> bool:
        return bool(self._qt < unwrap(other))

    def __del__(self) -> None:
        raw = self.__dict__.get("_qt")
        if not self.__dict__.get("_made") or not isinstance(raw, QtCore.QObject):
            return
        with contextlib.suppress(RuntimeError, ImportError, TypeError, AttributeError):
            if shiboken6.isValid(raw) and raw.parent() is None and not getattr(raw, "_released", False):
                shiboken6.delete(raw)


def adopt(wrapper: Wrapper, raw: Any) -> None:
    """Tie a wrapper to its object; an object that C++ owns keeps the wrapper of a Python subclass alive."""
    object.__setattr__(wrapper, "_qt", raw)
    with contextlib.suppress(AttributeError):
        raw._standin = weakref.ref(wrapper)
    keep(wrapper)


def keep(wrapper: Any) -> None:
    """Let the C++ object hold its Python subclass instance once it has a parent."""
    raw = wrapper._qt
    if "_pyside" not in type(wrapper).__dict__ and isinstance(raw, QtCore.QObject) and raw.parent() is not None:
        raw._kept = wrapper


def wrapper_class(pyside_class: Any) -> WrapperType:
    """Return the wrapper class of a PySide class."""
    if pyside_class not in _CLASSES:
        _CLASSES[pyside_class] = WrapperType(pyside_class.__name__, (Wrapper,), {"_pyside": pyside_class})
    return _CLASSES[pyside_class]


def wrap(value: Any) -> Any:  # noqa: PLR0911
    """Return a Qt value as Python sees it: tuples for lists, ints for enumerators, wrappers for objects."""
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(wrap(one) for one in value)
    if isinstance(value, dict):
        return {key: wrap(one) for key, one in value.items()}
    if isinstance(value, enum.Enum):
        return EnumValue(number_of(value), value.name or "")
    if not isinstance(value, shiboken6.Object):
        return value
    reference = getattr(value, "_standin", None)
    alive = reference() if reference is not None else None
    if alive is not None:
        return alive
    kept = next((one for one in type(value).__mro__ if not one.__name__.startswith("_shell_")), type(value))
    kind = wrapper_class(kept)
    made = kind.__new__(kind)
    adopt(made, value)
    return made


def _object_member(wrapper: Wrapper, raw: Any, name: str) -> Any:  # noqa: PLR0911
    kind = fact_name(type(raw))
    if not shiboken6.isValid(raw):
        raise ValueError(f"Trying to read property {name} from a destroyed {kind} object")
    name = "objectName" if name == "name" else name
    if raw.metaObject().indexOfProperty(name) >= 0 and not (kind == "QTimer" and name == "singleShot"):
        return members.get_property(raw, kind, name)
    special = members.decorator(wrapper, raw, kind, name)
    if special is not None:
        return special
    plain = name.rstrip("_") if name.endswith("_") else name
    for candidate in (name, plain):
        if facts.overloads(kind, candidate):
            return members.BoundMethod(wrapper, kind, candidate)
        if signatures(raw, kind, candidate):
            return BoundSignal(wrapper, kind, candidate)
    found = members.enumerator(type(raw), name)
    if found is not None:
        return found
    if name in [bytes(one.data()).decode() for one in raw.dynamicPropertyNames()]:
        return wrap(raw.property(name))
    children = [child for child in raw.children() if child.objectName() == name]
    if children:
        return wrap(children[-1])
    hint = " (a plain C++ method: not visible from Python)" if facts.is_plain(kind, name) else ""
    raise AttributeError(f"{kind} '{raw.objectName()}' has no attribute named '{name}'{hint}")


def _value_member(wrapper: Wrapper, raw: Any, name: str) -> Any:
    kind = fact_name(type(raw))
    for candidate in (name, name.rstrip("_")):
        known = facts.overloads(kind, candidate) if kind == type(raw).__name__ else hasattr(raw, candidate)
        if known:
            return members.BoundMethod(wrapper, kind, candidate)
    found = members.enumerator(type(raw), name)
    if found is not None:
        return found
    raise AttributeError(f"{type(raw).__name__} has no attribute named '{name}'")
