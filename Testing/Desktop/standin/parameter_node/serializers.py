"""Values to parameter strings and node references, and back."""

from __future__ import annotations

import enum
import json
import pathlib
import types
from typing import Any, Union, get_args, get_origin

from . import packs
from .annotations import FloatRange, Validator, split
from .observed import Observed, ObservedDict


class Serializer:
    """Keeps one kind of value in a parameter string."""

    def __init__(self, kind: Any = None) -> None:
        self.kind = kind

    def default(self) -> Any:
        """Return the value for a parameter without a default."""
        return None

    def check(self, value: Any) -> None:
        """Raise ValueError for a value of another type: nothing is converted."""

    def isIn(self, node: Any, name: str) -> bool:
        """Tell whether the node has the parameter."""
        return name in node.GetParameterNames()

    def write(self, node: Any, name: str, value: Any) -> None:
        """Keep a value."""
        self.check(value)
        node.SetParameter(name, self.text(value))

    def read(self, node: Any, name: str) -> Any:
        """Return the kept value."""
        return self.value(node.GetParameter(name))

    def remove(self, node: Any, name: str) -> None:
        """Forget the value."""
        node.UnsetParameter(name)

    def text(self, value: Any) -> str:
        """Return a value as text."""
        return str(value)

    def value(self, text: str) -> Any:
        """Return the value of a text."""
        return self.kind(text)

    def refuse(self, value: Any) -> None:
        """Raise the error for a wrong type."""
        raise ValueError(f"{value!r} is not of type {getattr(self.kind, '__name__', self.kind)}")


class Number(Serializer):
    """int and float; a float parameter takes an int, an int parameter no float."""

    def default(self) -> Any:
        return self.kind()

    def check(self, value: Any) -> None:
        if not isinstance(value, (int, float) if self.kind is float else int):
            self.refuse(value)

    def text(self, value: Any) -> str:
        return str(self.kind(value))


class Text(Serializer):
    """str."""

    def default(self) -> Any:
        return ""

    def check(self, value: Any) -> None:
        if not isinstance(value, str):
            self.refuse(value)


class Bool(Serializer):
    """bool."""

    def default(self) -> Any:
        return False

    def check(self, value: Any) -> None:
        if not isinstance(value, bool):
            self.refuse(value)

    def value(self, text: str) -> Any:
        return text == "True"


class Path(Serializer):
    """Paths."""

    def default(self) -> Any:
        return self.kind()

    def check(self, value: Any) -> None:
        if not isinstance(value, pathlib.PurePath):
            self.refuse(value)


class EnumName(Serializer):
    """Enumerators, by name."""

    def default(self) -> Any:
        return next(iter(self.kind))

    def check(self, value: Any) -> None:
        if not isinstance(value, self.kind):
            self.refuse(value)

    def text(self, value: Any) -> str:
        return str(value.name)

    def value(self, text: str) -> Any:
        return self.kind[text]


class Color(Serializer):
    """qt.QColor."""

    def default(self) -> Any:
        return self.kind()

    def check(self, value: Any) -> None:
        if not isinstance(value, self.kind):
            self.refuse(value)

    def text(self, value: Any) -> str:
        return str(value.name(1))


class Range(Serializer):
    """FloatRange."""

    def default(self) -> Any:
        return FloatRange()

    def check(self, value: Any) -> None:
        if not isinstance(value, FloatRange):
            self.refuse(value)

    def text(self, value: Any) -> str:
        return json.dumps([value.minimum, value.maximum])

    def value(self, text: str) -> Any:
        return FloatRange(*json.loads(text))


class Node(Serializer):
    """A node of the scene, by reference; None is allowed."""

    def check(self, value: Any) -> None:
        if value is not None and not isinstance(value, self.kind):
            self.refuse(value)

    def isIn(self, node: Any, name: str) -> bool:
        return bool(node.GetNodeReferenceID(name))

    def write(self, node: Any, name: str, value: Any) -> None:
        self.check(value)
        node.SetNodeReferenceID(name, value.GetID() if value is not None else None)

    def read(self, node: Any, name: str) -> Any:
        return node.GetNodeReference(name)

    def remove(self, node: Any, name: str) -> None:
        node.SetNodeReferenceID(name, None)


class Either(Serializer):
    """One of several types; the parameter ``<name>.type`` tells which."""

    def __init__(self, kinds: tuple[Any, ...]) -> None:
        super().__init__(Union[kinds])  # noqa: UP007
        self.choices = [None if one is type(None) else createSerializer(one) for one in kinds]

    def default(self) -> Any:
        return None if None in self.choices else self.choices[0].default()  # type: ignore[union-attr]

    def isIn(self, node: Any, name: str) -> bool:
        return f"{name}.type" in node.GetParameterNames()

    def write(self, node: Any, name: str, value: Any) -> None:
        for at, one in enumerate(self.choices):
            try:
                if (one is None) != (value is None):
                    continue
                if one is not None:
                    one.write(node, name, value)
            except ValueError:
                continue
            node.SetParameter(f"{name}.type", str(at))
            return
        self.refuse(value)

    def read(self, node: Any, name: str) -> Any:
        one = self.choices[int(node.GetParameter(f"{name}.type"))]
        return None if one is None else one.read(node, name)


class Many(Serializer):
    """list, tuple and dict: each element under a name of its own, so that nodes stay references."""

    def __init__(self, kind: Any, elements: tuple[Any, ...]) -> None:
        super().__init__(kind)
        self.elements = [createSerializer(one) for one in elements]

    def default(self) -> Any:
        return tuple(one.default() for one in self.elements) if self.kind is tuple else self.kind()

    def check(self, value: Any) -> None:
        allowed = {list: (list, Observed), dict: (dict, ObservedDict), tuple: (tuple,)}[self.kind]
        if not isinstance(value, allowed) or (self.kind is tuple and len(value) != len(self.elements)):
            self.refuse(value)

    def isIn(self, node: Any, name: str) -> bool:
        return f"{name}.len" in node.GetParameterNames()

    def write(self, node: Any, name: str, value: Any) -> None:
        self.check(value)
        pairs = value.items() if self.kind is dict else enumerate(value)
        for at, (key, one) in enumerate(pairs):
            if self.kind is dict:
                self.elements[0].write(node, f"{name}_{at}_key", key)
            self.elements[at if self.kind is tuple else -1].write(node, f"{name}_{at}", one)
        node.SetParameter(f"{name}.len", str(len(value)))

    def read(self, node: Any, name: str) -> Any:
        places = range(int(node.GetParameter(f"{name}.len") or 0))
        values = [self.elements[at if self.kind is tuple else -1].read(node, f"{name}_{at}") for at in places]
        if self.kind is tuple:
            return tuple(values)
        if self.kind is list:
            return Observed(values, lambda now: self.write(node, name, now))
        keys = [self.elements[0].read(node, f"{name}_{at}_key") for at in places]
        return ObservedDict(dict(zip(keys, values, strict=True)), lambda now: self.write(node, name, now))


class Pack(Serializer):
    """A parameter pack: its fields as ``name.field``."""

    def __init__(self, kind: Any) -> None:
        super().__init__(kind)
        self.fields = {key: createSerializer(hint) for key, hint in packs.hints(kind).items()}

    def default(self) -> Any:
        return self.kind()

    def check(self, value: Any) -> None:
        if not isinstance(value, self.kind):
            self.refuse(value)

    def isIn(self, node: Any, name: str) -> bool:
        return all(one.isIn(node, f"{name}.{key}") or isinstance(one, Node) for key, one in self.fields.items())

    def write(self, node: Any, name: str, value: Any) -> None:
        self.check(value)
        for key, one in self.fields.items():
            one.write(node, f"{name}.{key}", getattr(value, key))

    def read(self, node: Any, name: str) -> Any:
        made = self.kind(**{key: one.read(node, f"{name}.{key}") for key, one in self.fields.items()})
        made._store = lambda key, value: self.fields[key].write(node, f"{name}.{key}", value)
        return made


class Checked(Serializer):
    """A serializer whose values must pass validators."""

    def __init__(self, inner: Serializer, validators: list[Validator]) -> None:
        super().__init__(inner.kind)
        self.inner, self.validators = inner, validators
        self.default, self.read, self.isIn, self.remove = inner.default, inner.read, inner.isIn, inner.remove  # type: ignore[method-assign]

    def write(self, node: Any, name: str, value: Any) -> None:
        self.inner.check(value)
        for validator in self.validators:
            validator.validate(value)
        self.inner.write(node, name, value)


def createSerializer(hint: Any) -> Serializer:
    """Return the serializer of a type, with its validators.

    Raises
    ------
    TypeError
        For a type that no parameter may have.
    """
    bare, notes = split(hint)
    made = _serializer(bare)
    validators = [note for note in notes if isinstance(note, Validator)]
    return Checked(made, validators) if validators else made


def _serializer(bare: Any) -> Serializer:  # noqa: PLR0911, PLR0912
    import vtk

    origin, arguments = get_origin(bare), get_args(bare)
    if origin in {Union, types.UnionType}:
        parts = tuple(one for one in arguments if one is not type(None))
        if all(isinstance(one, type) and issubclass(one, vtk.vtkObject) for one in parts):
            return Node(parts)
        return Either(arguments)
    if origin in {list, dict, tuple}:
        return Many(origin, arguments)
    if bare is bool:
        return Bool(bool)
    if bare in {int, float}:
        return Number(bare)
    if bare is str:
        return Text(str)
    if bare is FloatRange:
        return Range(FloatRange)
    if packs.isParameterPack(bare):
        return Pack(bare)
    if isinstance(bare, type):
        if issubclass(bare, pathlib.PurePath):
            return Path(bare)
        if issubclass(bare, enum.Enum):
            return EnumName(bare)
        if issubclass(bare, vtk.vtkObject):
            return Node(bare)
        if bare.__name__ == "QColor":
            return Color(bare)
    raise TypeError(f"no parameter may have the type {bare!r}")
