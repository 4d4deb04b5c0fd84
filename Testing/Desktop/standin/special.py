"""What PythonQt adds to every QObject, and the calls that differ from PySide's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6 import QtCore

from . import dialogs, facts, signals
from .convert import unwrap

DESKTOP_OPENED: list[str] = []
"""Addresses that ``QDesktopServices.openUrl`` was asked to open; the stand-in opens none."""


def _connect(wrapper: Any, *args: Any) -> bool:
    from .wrapping import fact_name

    raw = wrapper._qt
    if len(args) == 3:
        signal, receiver, slot = args
        name = slot.lstrip("1").partition("(")[0]
        declared = facts.overloads(fact_name(type(receiver._qt)), name)
        count = len(signals.normalised(slot).partition("(")[2].rstrip(")").split(",")) if not slot.endswith("()") else 0
        if not declared:
            return signals.connect(raw, fact_name(type(raw)), f"{slot} [no such slot]", len)
        return signals.connect(raw, fact_name(type(raw)), signal, lambda *values: getattr(receiver, name)(*values[:count]))
    if len(args) != 2:
        raise ValueError(f"connect{args!r}: expected signal and callable, or signal, receiver and slot")
    return signals.connect(raw, fact_name(type(raw)), *args)


def _disconnect(wrapper: Any, signal: str, receiver: Any = None) -> bool:

    return signals.disconnect(wrapper._qt, signal, receiver)


def _matches(child: Any, wanted: Any, name: str | None) -> bool:
    if name is not None and child.objectName() != name:
        return False
    class_name = wanted if isinstance(wanted, str) else getattr(wanted, "__name__", type(wanted).__name__)
    return any(one.__name__ == class_name for one in type(child).__mro__) or child.inherits(class_name)


def _find_children(wrapper: Any, wanted: Any, name: str | None = None) -> tuple[Any, ...]:
    from .wrapping import wrap

    return tuple(wrap(child) for child in wrapper._qt.findChildren(QtCore.QObject) if _matches(child, wanted, name))


def _find_child(wrapper: Any, wanted: Any, name: str | None = None) -> Any:
    return next(iter(_find_children(wrapper, wanted, name)), None)


def _wrapped(value: Any) -> Any:
    from .wrapping import wrap

    return wrap(value)


def _inherits(wrapper: Any, name: str) -> bool:
    return any(one.__name__ == name for one in type(wrapper._qt).__mro__) or bool(wrapper._qt.inherits(name))


def _class_name(wrapper: Any) -> str:
    return str(type(wrapper._qt).__name__.removeprefix("_shell_"))


def _set_parent(wrapper: Any, parent: Any, *rest: Any) -> None:
    from .wrapping import keep

    wrapper._qt.setParent(unwrap(parent), *rest)
    keep(wrapper)


DECORATORS: dict[str, Callable[..., Any]] = {
    "connect": _connect,
    "disconnect": _disconnect,
    "findChild": _find_child,
    "findChildren": _find_children,
    "children": lambda wrapper: tuple(_wrapped(one) for one in wrapper._qt.children()),
    "parent": lambda wrapper: _wrapped(wrapper._qt.parent()),
    "setParent": _set_parent,
    "property": lambda wrapper, name: _wrapped(wrapper._qt.property(name)),
    "setProperty": lambda wrapper, name, value: wrapper._qt.setProperty(name, unwrap(value)),
    "tr": lambda wrapper, text: text,
    "className": _class_name,
    "inherits": _inherits,
    "metaObject": lambda wrapper: _wrapped(wrapper._qt.metaObject()),
    "isWidgetType": lambda wrapper: wrapper._qt.isWidgetType(),
    "delete": lambda wrapper: shiboken6.delete(wrapper._qt),
    "deleteLater": lambda wrapper: wrapper._qt.deleteLater(),
}


def _single_shot(*args: Any) -> None:
    if len(args) == 3 and isinstance(args[2], str):
        receiver, name = args[1], args[2].lstrip("1").partition("(")[0]
        QtCore.QTimer.singleShot(int(args[0]), lambda: signals.deliver(getattr(receiver, name), ()))
        return
    if len(args) != 2 or not callable(args[1]):
        raise ValueError(f"QTimer.singleShot{args!r}: expected milliseconds and a callable")
    QtCore.QTimer.singleShot(int(args[0]), lambda: signals.deliver(args[1], ()))


def _open_url(url: Any) -> bool:
    DESKTOP_OPENED.append(unwrap(url).toString() if not isinstance(url, str) else url)
    return True


STATICS: dict[tuple[str, str], Callable[..., Any]] = {
    ("QTimer", "singleShot"): _single_shot,
    ("QDesktopServices", "openUrl"): _open_url,
    **dialogs.STATICS,
}


def _setting(raw: QtCore.QSettings, key: str, default: Any = None) -> Any:
    return raw.value(key, default)


METHODS: dict[tuple[str, str], Callable[..., Any]] = {
    ("exec", "QDialog"): lambda raw, *_: dialogs.run(raw),
    ("value", "QSettings"): _setting,
}
OWNERS = set(METHODS)
