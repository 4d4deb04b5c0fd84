"""Signals as PythonQt has them: signature strings, bool results, trimmed arguments, exceptions printed and swallowed."""

from __future__ import annotations

import inspect
import re
import time
import types
from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6.QtCore import SIGNAL, QObject

from . import facts
from .faults import RECORDER

_CONNECTIONS: dict[int, list[tuple[str, Any, Any]]] = {}
"""Per C++ object: normalised signal, receiver, and the connection (None for a signal of an emulated class)."""

SLOW_S = 0.1
SLOW: list[tuple[float, str]] = []
"""Slots that held up the window for longer than ``SLOW_S``, with their seconds."""


def pointer(raw: QObject) -> int:
    """Return the address of a Qt object."""
    return int(shiboken6.getCppPointer(raw)[0])


def normalised(text: str) -> str:
    """Return a signature as Qt compares it."""
    return re.sub(r"\bconst\b|[\s&]", "", text.lstrip("2"))


def _table(raw: QObject) -> list[tuple[str, Any, Any]]:
    key = pointer(raw)
    if key not in _CONNECTIONS:
        _CONNECTIONS[key] = []
        QObject.connect(raw, SIGNAL("destroyed()"), lambda *_: _CONNECTIONS.pop(key, None))
    return _CONNECTIONS[key]


def trimmed(receiver: Callable[..., Any], values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Cut a signal's arguments to what a plain function or bound method declares; defaults count, other callables get all."""
    function = receiver.__func__ if isinstance(receiver, types.MethodType) else receiver
    if not isinstance(function, types.FunctionType) or function.__code__.co_flags & inspect.CO_VARARGS:
        return values
    count = function.__code__.co_argcount - isinstance(receiver, types.MethodType)
    return values[: max(count, 0)]


def deliver(receiver: Callable[..., Any], values: tuple[Any, ...]) -> None:
    """Call a receiver; what it raises is printed and recorded, never propagated."""
    from .wrapping import wrap

    begun = time.perf_counter()
    try:
        receiver(*trimmed(receiver, tuple(wrap(value) for value in values)))
    except Exception:
        RECORDER.exception()
    lasted = time.perf_counter() - begun
    if lasted > SLOW_S:
        SLOW.append((lasted, getattr(receiver, "__qualname__", repr(receiver))))


def signatures(raw: QObject, class_name: str, name: str = "") -> list[str]:
    """Return the signals of an object, of its emulated class first."""
    found = list(facts.signals(class_name, name))
    meta = raw.metaObject()
    for at in range(meta.methodCount()):
        method = meta.method(at)
        text = bytes(method.methodSignature().data()).decode()
        if method.methodType() == method.MethodType.Signal and (not name or text.partition("(")[0] == name):
            found.append(text)
    return found


def connect(raw: QObject, class_name: str, signal: str, receiver: Callable[..., Any]) -> bool:
    """Connect a Python callable to a signal given by its C++ signature; False and a line on stderr for an unknown one."""
    text = normalised(signal)
    if not callable(receiver):
        raise ValueError(f"connect({signal!r}): {receiver!r} is not callable")
    if raw.metaObject().indexOfSignal(text) >= 0:
        made = QObject.connect(raw, SIGNAL(text), lambda *values: deliver(receiver, values))
        _table(raw).append((text, receiver, made))
        return True
    if text in {normalised(one) for one in facts.signals(class_name)}:
        _table(raw).append((text, receiver, None))
        return True
    RECORDER.add("unknown signal", f"signal {signal!r} does not exist on {class_name} {raw.objectName()!r}")
    return False


def disconnect(raw: QObject, signal: str, receiver: Callable[..., Any] | None = None) -> bool:
    """Take away the receivers of a signal that equal one, or all."""
    text, table = normalised(signal), _table(raw)
    found = [one for one in table if one[0] == text and (receiver is None or one[1] == receiver)]
    for one in found:
        table.remove(one)
        if one[2] is not None:
            QObject.disconnect(one[2])
    return bool(found)


def emit(raw: QObject, signal: str, *values: Any) -> None:
    """Send a signal of an emulated class (no Qt meta-object knows it)."""
    if not shiboken6.isValid(raw) or raw.signalsBlocked():
        return
    for text, receiver, made in list(_CONNECTIONS.get(pointer(raw), ())):
        if text == normalised(signal) and made is None:
            deliver(receiver, values)


class BoundSignal:
    """``button.clicked``: connect takes one argument and the first declared overload."""

    def __init__(self, owner: Any, class_name: str, name: str) -> None:
        self._owner, self._class_name, self._name = owner, class_name, name
        self._raw = raw = owner._qt
        found = signatures(raw, class_name, name)
        self._signature = max((one for one in found if len(found) == 1 or one in found), key=_rank(found))

    def connect(self, receiver: Callable[..., Any]) -> bool:
        """Connect a callable."""
        return connect(self._raw, self._class_name, self._signature, receiver)

    def disconnect(self, receiver: Callable[..., Any] | None = None) -> bool:
        """Disconnect a callable, or all."""
        return disconnect(self._raw, self._signature, receiver)

    def emit(self, *values: Any) -> None:
        """Send the signal."""
        from .convert import unwrap

        if self._raw.metaObject().indexOfSignal(normalised(self._signature)) >= 0:
            getattr(self._raw, self._name).emit(*[unwrap(value) for value in values])
        else:
            emit(self._raw, self._signature, *[unwrap(value) for value in values])

    __call__ = emit

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BoundSignal) and (self._raw, self._name) == (other._raw, other._name)

    def __hash__(self) -> int:
        return hash(self._name)


def _rank(found: list[str]) -> Callable[[str], tuple[int, int]]:
    """Prefer the first declared overload; of clones made by a default argument (``clicked()``) the full one."""

    def rank(text: str) -> tuple[int, int]:
        clone = text.endswith("()") and len(found) > 1
        return (-int(clone), -found.index(text))

    return rank
