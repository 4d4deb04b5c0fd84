"""Observers of VTK objects that never outlive the widget they serve."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import shiboken6
import vtk

_ALL: list[Watch] = []


class Watch:
    """The observers of one widget."""

    def __init__(self, owner: Any) -> None:
        self._owner = weakref.ref(owner)
        self._tags: list[tuple[Any, int]] = []
        _ALL.append(self)

    def observe(self, observed: Any, event: Any, method: Callable[..., None], with_data: bool = False) -> None:
        """Call an unbound method of the owner at an event, as long as the owner's Qt object lives."""

        def react(*values: Any) -> None:
            owner = self._owner()
            if owner is not None and shiboken6.isValid(owner):
                method(owner, values[2] if with_data else None)

        def react_with_data(caller: Any, name: str, data: Any) -> None:
            react(caller, name, data)

        if with_data:
            react_with_data.CallDataType = vtk.VTK_OBJECT  # type: ignore[attr-defined]
        self._tags.append((observed, observed.AddObserver(event, react_with_data if with_data else react)))

    def clear(self) -> None:
        """Remove all observers."""
        for observed, tag in self._tags:
            observed.RemoveObserver(tag)
        self._tags = []


def clear_all() -> None:
    """Remove the observers of all widgets: the run ends."""
    for watch in _ALL:
        watch.clear()
    _ALL.clear()
