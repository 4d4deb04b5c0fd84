"""``@parameterNodeWrapper``: a class of annotations becomes a view of a parameter node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_type_hints

from . import packs
from .annotations import split
from .connectors import connect_widgets
from .serializers import Node, createSerializer

RESERVED = {
    "allParameters", "default", "isCached", "dataType", "getValue", "setValue", "connectGui", "connectParametersToGui",
    "disconnectGui", "StartModify", "EndModify", "AddObserver", "RemoveObserver", "Modified",
}  # fmt: skip
MARK = "_standin_parameters"


@dataclass(frozen=True)
class ParameterInfo:
    """A parameter's type, and the class attribute it was declared with."""

    basename: str
    hint: Any


def isParameterNodeWrapper(classOrObj: Any) -> bool:
    """Tell whether a class or an object is a wrapper."""
    return hasattr(classOrObj, MARK)


def parameterNodeWrapper(classtype: Any = None) -> Any:
    """Make a class a wrapper of a parameter node.

    Raises
    ------
    ValueError
        For a field with a reserved name.
    """
    if classtype is None:
        return parameterNodeWrapper
    fields = get_type_hints(classtype, include_extras=True)
    taken = RESERVED & set(fields)
    if taken:
        raise ValueError(f"reserved names: {sorted(taken)}")
    classtype._defaults = {key: vars(classtype)[key] for key in fields if key in vars(classtype)}
    setattr(classtype, MARK, {key: createSerializer(hint) for key, hint in fields.items()})
    classtype.allParameters = {key: ParameterInfo(key, hint) for key, hint in fields.items()}
    for key in fields:
        setattr(classtype, key, _accessor(key))
    for name, function in vars(_Methods).items():
        if not name.startswith("__") or name == "__init__":
            setattr(classtype, name, function)
    return classtype


def _accessor(key: str) -> property:
    return property(lambda self: self.getValue(key), lambda self, value: self.setValue(key, value))


class _Methods:
    """What every wrapper class gets."""

    def __init__(self: Any, parameterNode: Any, prefix: str | None = None) -> None:
        if parameterNode is None or not hasattr(parameterNode, "GetParameterNames"):
            raise TypeError(f"expected a parameter node, got {parameterNode!r}")
        self.parameterNode, self._prefix, self._links, self._next = parameterNode, f"{prefix}." if prefix else "", {}, 0
        for key, serializer in getattr(self, MARK).items():
            if not serializer.isIn(parameterNode, self._prefix + key):
                value = self.default(key)
                if not isinstance(serializer, Node) or value is not None:
                    serializer.write(parameterNode, self._prefix + key, value)

    def default(self: Any, name: str) -> Any:
        """Return a parameter's default."""
        return packs.default_of(type(self), name, self.allParameters[name].hint)

    def dataType(self: Any, name: str) -> Any:
        """Return a parameter's type without annotations; dots go into packs."""
        return split(self._hint(name))[0]

    def _hint(self: Any, name: str) -> Any:
        first_part, _, rest = name.partition(".")
        if first_part not in self.allParameters:
            raise ValueError(f"there is no parameter '{name}'")
        hint = self.allParameters[first_part].hint
        for part in filter(None, rest.split(".")):
            inner = packs.hints(split(hint)[0]) if packs.isParameterPack(split(hint)[0]) else {}
            if part not in inner:
                raise ValueError(f"there is no parameter '{name}'")
            hint = inner[part]
        return hint

    def isCached(self: Any, name: str) -> bool:
        """Values are always read from the node."""
        return False

    def getValue(self: Any, name: str) -> Any:
        """Return a parameter's value; dots go into packs."""
        first_part, *rest = name.split(".")
        if first_part not in self.allParameters:
            raise ValueError(f"there is no parameter '{name}'")
        value = getattr(self, MARK)[first_part].read(self.parameterNode, self._prefix + first_part)
        for part in rest:
            value = getattr(value, part)
        return value

    def setValue(self: Any, name: str, value: Any) -> None:
        """Set a parameter; ValueError for a value of another type or one that a validator refuses."""
        first_part, *rest = name.split(".")
        if first_part not in self.allParameters:
            raise ValueError(f"there is no parameter '{name}'")
        if rest:
            owner = self.getValue(".".join([first_part, *rest[:-1]]))
            setattr(owner, rest[-1], value)
        else:
            getattr(self, MARK)[first_part].write(self.parameterNode, self._prefix + first_part, value)

    def connectGui(self: Any, gui: Any) -> int:
        """Bind the widgets that carry ``SlicerParameterName``; returns a tag for disconnectGui."""
        widgets = gui.findChildren("QWidget") if hasattr(gui, "findChildren") else list(vars(gui).values())
        named = {widget: widget.property("SlicerParameterName") for widget in widgets}
        return self.connectParametersToGui({str(name): widget for widget, name in named.items() if name})

    def connectParametersToGui(self: Any, mapping: dict[str, Any]) -> int:
        """Bind widgets to parameters by name."""
        self._next += 1
        self._links[self._next] = connect_widgets(self, {name: (widget, self._hint(name)) for name, widget in mapping.items()})
        return self._next

    def disconnectGui(self: Any, tag: int) -> None:
        """Undo a connectGui."""
        self._links.pop(tag)()

    def StartModify(self: Any) -> int:
        """Hold back Modified events."""
        return self.parameterNode.StartModify()

    def EndModify(self: Any, wasModified: int) -> int:
        """Send the held back events."""
        return self.parameterNode.EndModify(wasModified)

    def AddObserver(self: Any, event: Any, callback: Any, priority: float = 0.0) -> int:
        """Observe the node."""
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self: Any, tag: int) -> None:
        """Stop observing the node."""
        self.parameterNode.RemoveObserver(tag)

    def Modified(self: Any) -> None:
        """Send a Modified event."""
        self.parameterNode.Modified()
