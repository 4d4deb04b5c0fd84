"""Members of wrapped objects: methods with PythonQt's overload rules, properties, enumerators and QObject decorators."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6 import QtCore

from . import facts, signals, special
from .convert import EnumValue, NoConversion, convert, number_of, strict, unwrap
from .faults import RECORDER

TRANSFER = "!toCPP"
READ_ONLY = "!"


def resolve(kind: str, name: str, overloads: tuple[tuple[str, ...], ...], args: tuple[Any, ...]) -> list[Any]:
    """Choose an overload and convert the arguments: exact types first, then lenient; ValueError when nothing fits."""
    possible = [one for one in overloads if _required(one) <= len(args) <= len(one)]
    if not possible:
        raise ValueError(f"Called {kind}.{name}{args!r} with wrong number of arguments, possible: {list(overloads)}")
    exact = [one for one in possible if all(strict(value, wanted) for value, wanted in zip(args, one, strict=False))]
    for one in exact + possible:
        try:
            return [convert(value, wanted.replace(TRANSFER, "")) for value, wanted in zip(args, one, strict=False)]
        except NoConversion:
            continue
    raise ValueError(f"Could not find matching overload for {kind}.{name}{args!r}, possible: {list(overloads)}")


def _required(overload: tuple[str, ...]) -> int:
    return sum(not wanted.endswith("=") for wanted in overload)


class BoundMethod:
    """A method of an object: positional arguments only; it keeps the object's wrapper alive."""

    def __init__(self, owner: Any, kind: str, name: str) -> None:
        self._owner, self._raw, self._kind, self._name = owner, owner._qt, kind, name
        self.__name__ = name

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return call(self._raw, self._kind, self._name, args, keywords)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BoundMethod) and self._raw is other._raw and self._name == other._name

    def __hash__(self) -> int:
        return hash(self._name)


def call(raw: Any, kind: str, name: str, args: tuple[Any, ...], keywords: dict[str, Any], unbound: Any = None) -> Any:
    """Call a method by PythonQt's rules."""
    from .wrapping import wrap

    if keywords:
        raise ValueError(f"{kind}.{name}: called slot does not support kwargs: {sorted(keywords)}")
    if isinstance(raw, QtCore.QObject) and not shiboken6.isValid(raw):
        raise ValueError(f"Trying to call {name} on a destroyed {kind} object")
    overloads = facts.overloads(kind, name)
    values = resolve(kind, name, overloads, args) if overloads else [unwrap(value) for value in args]
    replaced = special.METHODS.get((name, next((one for one in facts.chain(kind) if (name, one) in special.OWNERS), "")))
    if replaced is not None:
        return wrap(replaced(raw, *values))
    function = getattr(unbound or raw, name, None)
    if function is None:
        raise NotImplementedError(f"{kind}.{name} exists in the desktop, and the stand-in does not have it yet")
    try:
        result = function(raw, *values) if unbound is not None else function(*values)
    except TypeError as error:
        if "called with wrong argument" not in str(error):
            raise
        raise ValueError(f"Could not find matching overload for {kind}.{name}{args!r}: {error}") from error
    _transfer(overloads, args)
    return wrap(result)


def _transfer(overloads: tuple[tuple[str, ...], ...], args: tuple[Any, ...]) -> None:
    """Mark what C++ owns from now on, and let parents hold their Python subclasses."""
    from .wrapping import keep

    for at, value in enumerate(args):
        if not hasattr(type(value), "_standin_wrapper") or not isinstance(value._qt, QtCore.QObject):
            continue
        keep(value)
        if any(at < len(one) and TRANSFER in one[at] for one in overloads):
            value._qt._released = True


class ClassMethod:
    """A static method, or a method called through the class (``qt.QWidget.show(w)``)."""

    def __init__(self, pyside_class: Any, name: str) -> None:
        self._class, self._name = pyside_class, name

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        from .wrapping import fact_name

        kind = fact_name(self._class)
        replaced = special.STATICS.get((kind, self._name))
        if keywords:
            raise ValueError(f"{kind}.{self._name}: called slot does not support kwargs: {sorted(keywords)}")
        if replaced is not None:
            from .wrapping import wrap

            return wrap(replaced(*args))
        is_static = isinstance(inspect.getattr_static(self._class, self._name, None), staticmethod) or not (
            args and isinstance(unwrap(args[0]), self._class) and not _accepts(kind, self._name, args)
        )
        if is_static:
            return call(self._class, kind, self._name, args, {})
        return call(args[0]._qt, kind, self._name, args[1:], {}, unbound=self._class)


def _accepts(kind: str, name: str, args: tuple[Any, ...]) -> bool:
    fitting = [one for one in facts.overloads(kind, name) if _required(one) <= len(args) <= len(one)]
    return any(all(strict(value, wanted) for value, wanted in zip(args, one, strict=False)) for one in fitting)


def get_property(raw: Any, kind: str, name: str) -> Any:
    """Read a property; enumerators come as ints."""
    from .wrapping import wrap

    value = raw.property(name)
    if value is None and (facts.property_type(kind, name) or "").startswith("QString"):
        return ""
    if isinstance(value, enum.Enum):
        return EnumValue(number_of(value), value.name or "")
    return wrap(value)


def set_property(raw: Any, kind: str, name: str, value: Any) -> bool:
    """Write a property and return True; False for a name that is none. AttributeError where it cannot be written."""
    name = "objectName" if name == "name" else name
    meta = raw.metaObject()
    at = meta.indexOfProperty(name)
    if at < 0:
        if name in [bytes(one.data()).decode() for one in raw.dynamicPropertyNames()]:
            raw.setProperty(name, unwrap(value))
            return True
        if facts.overloads(kind, name) or signals.signatures(raw, kind, name):
            raise AttributeError(f"{kind}.{name} is a slot or signal and can not be overwritten")
        return False
    known = facts.property_type(kind, name)
    if not meta.property(at).isWritable() or (known or "").endswith(READ_ONLY):
        raise AttributeError(f"Property '{name}' of {kind} is not writable")
    cpp_type = (known or meta.property(at).typeName()).rstrip(READ_ONLY)
    try:
        converted = convert(value, cpp_type)
    except NoConversion as problem:
        given = type(value).__name__
        raise AttributeError(f"Property '{name}' of type '{cpp_type}' does not accept an object of type {given}") from problem
    raw.setProperty(name, converted if not isinstance(converted, enum.Enum) else number_of(converted))
    return True


def enumerator(pyside_class: Any, name: str) -> Any:
    """Return an enumerator or an enum type of a class, unscoped."""
    for one in pyside_class.__mro__:
        known = facts.enum_value(one.__name__, name) if one.__name__ in facts.CLASSES else None
        if known is not None:
            return EnumValue(known, name)
    found = getattr(pyside_class, name.rstrip("_"), None) if not name.startswith("_") else None
    if isinstance(found, enum.Enum):
        return EnumValue(number_of(found), name)
    if isinstance(found, type) and issubclass(found, enum.Enum):
        return _enum_type(found)
    return None


def _enum_type(found: Any) -> Any:
    values = {key: EnumValue(number_of(member), key) for key, member in found.__members__.items()}
    return type(found.__name__, (EnumValue,), values)


def construct(wrapper_type: Any, args: tuple[Any, ...]) -> Any:
    """Make the PySide object of a wrapper, with Python overrides of virtual functions where the class is a subclass."""
    base = wrapper_type._pyside
    kind = base.__name__
    if kind not in facts.CLASSES:
        return base(*[unwrap(value) for value in args])
    overloads = tuple(tuple(one) for one in facts.constructors(kind))
    if not overloads:
        raise TypeError(f"{kind} has no constructor in Python")
    values = resolve(kind, kind, overloads, args)
    if len(args) == 1 and isinstance(unwrap(args[0]), base) and not isinstance(unwrap(args[0]), QtCore.QObject):
        values = [unwrap(args[0])]
    try:
        return _shell(wrapper_type, base)(*values)
    except TypeError as error:
        raise ValueError(f"Could not find matching overload for constructor {kind}{args!r}: {error}") from error


def _shell(wrapper_type: Any, base: Any) -> Any:
    if "_pyside" in wrapper_type.__dict__ or "space" in facts.CLASSES.get(base.__name__, {}):
        return base
    if "_shell" not in wrapper_type.__dict__:
        names = {
            name
            for one in wrapper_type.__mro__
            if "_pyside" not in one.__dict__ and one is not object
            for name, value in one.__dict__.items()
            if callable(value) and not name.startswith("_") and hasattr(base, name)
        }
        type.__setattr__(wrapper_type, "_shell", type(f"_shell_{base.__name__}", (base,), {n: _override(base, n) for n in names}))
    return wrapper_type.__dict__["_shell"]


def _override(base: Any, name: str) -> Callable[..., Any]:
    def virtual(raw: Any, *values: Any) -> Any:
        from .wrapping import wrap

        reference = getattr(raw, "_standin", None)
        owner = reference() if reference is not None else None
        if owner is None:
            return getattr(base, name)(raw, *values)
        try:
            return unwrap(getattr(owner, name)(*[wrap(value) for value in values]))
        except Exception:
            RECORDER.exception("slot exception")
            return getattr(base, name)(raw, *values)

    return virtual


def decorator(wrapper: Any, raw: Any, kind: str, name: str) -> Any:
    """Return one of the methods that PythonQt adds to every QObject, or None."""
    found = special.DECORATORS.get(name)
    if found is None:
        return None

    def method(*args: Any, **keywords: Any) -> Any:
        if keywords:
            raise ValueError(f"{kind}.{name}: called slot does not support kwargs: {sorted(keywords)}")
        try:
            inspect.signature(found).bind(wrapper, *args)
        except TypeError as error:
            raise ValueError(f"Called {kind}.{name}{args!r} with wrong number of arguments") from error
        return found(wrapper, *args)

    return method
