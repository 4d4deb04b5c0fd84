"""Measured vessels on disk: arrays in one compressed NumPy file a vessel, the rest as JSON, without loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.plain_data import from_plain, to_plain

T = TypeVar("T")
_ARRAY = "array"


def save_arrays(value: object, path: Path) -> Any:
    """Write the arrays of nested dataclasses into an ``.npz`` file and return the rest as JSON values.

    Dataclasses among plain fields, tuples and None are kept; arrays keep their type and every bit.
    """
    arrays: dict[str, NDArray[Any]] = {}
    content = _taken(value, "", arrays)
    with path.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    return content


def load_arrays(kind: type[T], content: Any, path: Path) -> T:
    """Return what :func:`save_arrays` wrote; arrays that stand among the values as lists are read too.

    Raises
    ------
    ValueError
        When the file and the values do not belong together.
    OSError
        When the file is missing and the values point to it.
    """
    arrays: dict[str, NDArray[Any]] = {}
    if _points_to_arrays(content):
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    found: T = _given(kind, content, arrays)
    return found


def _points_to_arrays(content: Any) -> bool:
    if isinstance(content, dict):
        return set(content) == {_ARRAY} or any(map(_points_to_arrays, content.values()))
    return False


def _taken(value: Any, where: str, arrays: dict[str, NDArray[Any]]) -> Any:
    if isinstance(value, np.ndarray):
        arrays[where] = value
        return {_ARRAY: where}
    if is_dataclass(value) and not isinstance(value, type) and _holds_arrays(type(value)):
        return {item.name: _taken(getattr(value, item.name), f"{where}.{item.name}", arrays) for item in fields(value)}
    return to_plain(value)


def _given(kind: Any, content: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if isinstance(content, dict) and set(content) == {_ARRAY}:
        if content[_ARRAY] not in arrays:
            raise ValueError(f"expected an array {content[_ARRAY]!r}, found {sorted(arrays)}")
        return arrays[content[_ARRAY]]
    if content is None:
        return None
    kind = _present(kind)
    if isinstance(kind, type) and is_dataclass(kind) and _holds_arrays(kind):
        hints = _hints(kind)
        if not isinstance(content, dict) or not set(content) <= set(hints):
            raise ValueError(f"expected the fields of {kind.__name__}")
        return kind(**{name: _given(hints[name], part, arrays) for name, part in content.items()})
    return from_plain(kind, content)


def _present(kind: Any) -> Any:
    """Return what a hint stands for where the value is not None: ``T`` of ``T | None``, other hints as they are."""
    choices = [one for one in get_args(kind) if one is not type(None)]
    return choices[0] if len(choices) == 1 and type(None) in get_args(kind) else kind


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {item.name: hints[item.name] for item in fields(kind) if item.init}


@cache
def _holds_arrays(kind: type) -> bool:
    """Tell whether a dataclass holds arrays, itself or in dataclasses within it."""
    for hint in _hints(kind).values():
        if getattr(hint, "__origin__", None) is np.ndarray:
            return True
        inner = _present(hint)
        if isinstance(inner, type) and is_dataclass(inner) and _holds_arrays(inner):
            return True
    return False
