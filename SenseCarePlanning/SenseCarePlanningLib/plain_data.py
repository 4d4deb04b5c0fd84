"""Frozen dataclasses as JSON and back without loss, guided by their type hints.

Arrays become nested lists, enums their value (a :class:`KeptByName` its name), tuples lists, mapping keys text. JSON has no
NaN: a number that is not a number is written as null and read back as NaN, infinities as the words ``Infinity`` and
``-Infinity``.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, singledispatch
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

T = TypeVar("T")

_SHAPE = "empty_array_of_shape"

Json = Any
"""What :mod:`json` writes: None, bool, int, float, str, list, dict."""


class KeptByName(Enum):
    """An enum whose values are texts for people, which may be reworded: files keep the names."""


def is_version(found: object, known: Collection[int]) -> bool:
    """Tell whether what a file gives as its version is one of the known whole numbers; true and 1.0 are 1 to Python only."""
    return type(found) is int and found in known


@singledispatch
def to_plain(value: object) -> Json:
    """Return dataclasses, arrays, enums and containers as JSON values.

    Raises
    ------
    TypeError
        For a value of another kind.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: to_plain(getattr(value, item.name)) for item in fields(value)}
    raise TypeError(f"cannot write a {type(value).__name__} as JSON: {value!r}")


@to_plain.register(str)
@to_plain.register(int)
@to_plain.register(type(None))
def _(value: Json) -> Json:
    return value


@to_plain.register(float)
@to_plain.register(np.floating)
def _(value: Any) -> Json:
    return _plain_number(float(value))


@to_plain.register(np.integer)
def _(value: Any) -> Json:
    return int(value)


@to_plain.register(Enum)
def _(value: Enum) -> Json:
    return to_plain(value.value)


@to_plain.register(KeptByName)
def _(value: KeptByName) -> Json:
    return value.name


@to_plain.register(np.ndarray)
def _(value: Any) -> Json:
    if value.dtype.kind in "biu" or (value.dtype.kind == "f" and value.size and bool(np.isfinite(value).all())):
        return value.tolist() if value.size or value.ndim == 1 else {_SHAPE: list(value.shape)}
    return to_plain(value.tolist()) if value.size or value.ndim == 1 else {_SHAPE: list(value.shape)}


@to_plain.register(Mapping)
def _(value: Mapping[Any, Any]) -> Json:
    return {str(key): to_plain(item) for key, item in value.items()}


@to_plain.register(tuple)
@to_plain.register(list)
def _(value: Any) -> Json:
    return [to_plain(item) for item in value]


@to_plain.register(frozenset)
@to_plain.register(set)
def _(value: Any) -> Json:
    return sorted(to_plain(item) for item in value)


def _plain_number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def from_plain(kind: type[T], content: Json) -> T:
    """Return the value of type ``kind`` that :func:`to_plain` wrote; unknown keys are ignored, missing ones take defaults.

    Raises
    ------
    ValueError
        When the content does not fit the type; the message names the place.
    """
    result: T = _decoded(kind, content, kind.__name__)
    return result


def _decoded(kind: Any, content: Json, where: str) -> Any:
    origin = get_origin(kind)
    if origin is not None:
        return _DECODERS[origin](kind, content, where)
    if kind is Any or kind is object:
        return content
    if is_dataclass(kind):
        return _decoded_dataclass(kind, content, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _decoded_enum(kind, content, where)
    return _decoded_scalar(kind, content, where)


def _decoded_enum(kind: type[Enum], content: Json, where: str) -> Enum:
    if issubclass(kind, KeptByName) and isinstance(content, str) and content in kind.__members__:
        return kind[content]
    try:
        return kind(content)
    except ValueError as error:
        raise ValueError(f"{where}: {content!r} is none of {[item.value for item in kind]}") from error


def _decoded_union(kind: Any, content: Json, where: str) -> Any:
    choices = [choice for choice in get_args(kind) if choice is not type(None)]
    if content is None and len(choices) < len(get_args(kind)):
        return None
    for choice in choices[:-1]:
        try:
            return _decoded(choice, content, where)
        except ValueError:
            continue
    return _decoded(choices[-1], content, where)


def _decoded_array(_kind: Any, content: Json, where: str) -> Any:
    try:
        if isinstance(content, dict):
            return np.empty(content[_SHAPE])
        return np.array(_numbers(content), dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{where}: expected an array of numbers") from error


def _numbers(content: Json) -> Any:
    return [_numbers(item) for item in content] if isinstance(content, list) else float("nan" if content is None else content)


def _decoded_tuple(kind: Any, content: Json, where: str) -> tuple[Any, ...]:
    kinds = get_args(kind)
    items = _checked(content, list, where)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_decoded(kinds[0], item, f"{where}[{number}]") for number, item in enumerate(items))
    if len(items) != len(kinds):
        raise ValueError(f"{where}: expected {len(kinds)} values, found {len(items)}")
    return tuple(_decoded(one, item, f"{where}[{n}]") for n, (one, item) in enumerate(zip(kinds, items, strict=True)))


def _decoded_set(kind: Any, content: Json, where: str) -> frozenset[Any]:
    return frozenset(_decoded(get_args(kind)[0], item, where) for item in _checked(content, list, where))


def _decoded_mapping(kind: Any, content: Json, where: str) -> dict[Any, Any]:
    key_kind, value_kind = get_args(kind)
    items = _checked(content, dict, where).items()
    try:
        return {key_kind(key): _decoded(value_kind, item, f"{where}[{key}]") for key, item in items}
    except TypeError as error:
        raise ValueError(f"{where}: unexpected key") from error


_DECODERS: dict[Any, Callable[[Any, Json, str], Any]] = {
    Union: _decoded_union,
    types.UnionType: _decoded_union,
    np.ndarray: _decoded_array,
    tuple: _decoded_tuple,
    dict: _decoded_mapping,
    Mapping: _decoded_mapping,
    frozenset: _decoded_set,
}


@cache
def _hints(kind: type) -> dict[str, Any]:
    """Return the resolved hints of a dataclass's constructor; kept, because resolving is slow."""
    hints = get_type_hints(kind)
    return {item.name: hints[item.name] for item in fields(kind) if item.init}


def _decoded_dataclass(kind: Any, content: Json, where: str) -> Any:
    given = _checked(content, dict, where)
    known = {name: hint for name, hint in _hints(kind).items() if name in given}
    values = {name: _decoded(hint, given[name], f"{where}.{name}") for name, hint in known.items()}
    try:
        return kind(**values)
    except TypeError as error:
        missing = sorted({item.name for item in fields(kind)} - set(known))
        raise ValueError(f"{where}: incomplete, without {missing}") from error


def _decoded_scalar(kind: Any, content: Json, where: str) -> Any:
    if kind is float:
        if content is None or content in ("Infinity", "-Infinity"):
            return float("nan" if content is None else content)
        if isinstance(content, (int, float)) and not isinstance(content, bool):
            return float(content)
        raise ValueError(f"{where}: expected a number, found {content!r}")
    if kind is int and isinstance(content, bool):
        raise ValueError(f"{where}: expected a whole number, found {content!r}")
    return _checked(content, kind, where)


def _checked(content: Json, kind: Any, where: str) -> Any:
    if not isinstance(content, kind):
        raise ValueError(f"{where}: expected {kind.__name__}, found {type(content).__name__}")
    return content
