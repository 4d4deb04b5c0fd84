"""Widgets bound to parameters: exact widget classes only, as in the desktop."""

from __future__ import annotations

import enum
import pathlib
import types
from collections.abc import Callable
from typing import Any, Union, get_args, get_origin

from ..faults import RECORDER
from .annotations import Choice, Decimals, FloatRange, SingleStep, bounds, first, split

NUMBER_WIDGETS = {"QDoubleSpinBox", "ctkSliderWidget", "qMRMLSliderWidget", "ctkDoubleSlider", "ctkDoubleSpinBox", "qMRMLSpinBox"}
NEED_BOUNDS = {"ctkSliderWidget", "qMRMLSliderWidget", "ctkDoubleSlider", "QSlider"}
RANGE_WIDGETS = {"ctkRangeWidget", "ctkDoubleRangeSlider", "qMRMLRangeWidget"}
COMBO_BOXES = {"QComboBox", "ctkComboBox"}
WIDEST = 2**31 - 1
_REGISTERED: list[Any] = []


class GuiConnector:
    """Base of connectors that a module registers itself."""

    def __init__(self) -> None:
        self._callback: Callable[[], None] | None = None

    @staticmethod
    def canRepresent(widget: Any, datatype: Any) -> bool:
        """Tell whether the connector can bind a widget to a type."""
        return False

    @staticmethod
    def create(widget: Any, datatype: Any) -> Any:
        """Make a connector."""
        raise NotImplementedError

    def onChanged(self, callback: Callable[[], None] | None) -> None:
        """Call something when the widget changes; None stops it."""
        if self._callback is not None:
            self._disconnect()
        self._callback = callback
        if callback is not None:
            self._connect()

    def changed(self, *_: Any) -> None:
        """Tell that the widget changed."""
        if self._callback is not None:
            self._callback()

    def _connect(self) -> None:
        raise NotImplementedError

    def _disconnect(self) -> None:
        raise NotImplementedError

    def widget(self) -> Any:
        """Return the widget."""
        raise NotImplementedError

    def read(self) -> Any:
        """Return the widget's value."""
        raise NotImplementedError

    def write(self, value: Any) -> None:
        """Show a value in the widget."""
        raise NotImplementedError


def parameterNodeGuiConnector(classtype: Any = None) -> Any:
    """Register a connector class."""
    if classtype is None:
        return parameterNodeGuiConnector
    _REGISTERED.append(classtype)
    return classtype


class _Simple(GuiConnector):
    """A connector made of a signal and two functions."""

    def __init__(self, widget: Any, signal: str, read: Callable[[], Any] | None, write: Callable[[Any], None]) -> None:
        super().__init__()
        self._widget, self._signal, self._read, self._write = widget, signal, read, write

    def _connect(self) -> None:
        if self._signal:
            getattr(self._widget, self._signal).connect(self.changed)

    def _disconnect(self) -> None:
        if self._signal:
            getattr(self._widget, self._signal).disconnect(self.changed)

    def widget(self) -> Any:
        return self._widget

    def read(self) -> Any:
        assert self._read is not None
        return self._read()

    def write(self, value: Any) -> None:
        self._write(value)


def createGuiConnector(widget: Any, datatype: Any) -> Any:
    """Return the connector of a widget and a type.

    Raises
    ------
    RuntimeError
        If the desktop has none for the two.
    """
    for one in _REGISTERED:
        if one.canRepresent(widget, datatype):
            return one.create(widget, datatype)
    made = _builtin(widget, *split(datatype)) if "_pyside" in vars(type(widget)) else None
    if made is None:
        raise RuntimeError(f"no connection between {widget.className()} '{widget.objectName}' and {datatype}")
    return made


def _attribute(widget: Any, name: str, signal: str, convert: Callable[[Any], Any] = lambda value: value) -> _Simple:
    return _Simple(widget, signal, lambda: convert(getattr(widget, name)), lambda value: setattr(widget, name, value))


def _builtin(widget: Any, bare: Any, notes: tuple[Any, ...]) -> Any:  # noqa: PLR0911, PLR0912
    kind = type(widget).__name__
    if bare is bool and kind in {"QCheckBox", "ctkCheckBox"}:
        return _attribute(widget, "checked", "stateChanged")
    if bare is bool and kind in {"QPushButton", "ctkCheckablePushButton"}:
        widget.checkable = True
        return _attribute(widget, "checked", "toggled")
    if kind in COMBO_BOXES and first(notes, Choice) is not None and bare in {int, float, str, bool}:
        return _choices(widget, [(str(one), one) for one in first(notes, Choice).choices])
    if kind in COMBO_BOXES and isinstance(bare, type) and issubclass(bare, enum.Enum):
        return _choices(widget, [(one.label() if hasattr(one, "label") else one.name, one) for one in bare])
    if bare is int and kind in {"QSlider", "QSpinBox"}:
        return _number(widget, kind, int, notes)
    if bare in {int, float} and kind in NUMBER_WIDGETS:
        return _number(widget, kind, bare, notes)
    if bare is str and kind == "QLineEdit":
        return _attribute(widget, "text", "textChanged")
    if bare is str and kind == "QLabel":
        return _Simple(widget, "", None, lambda value: setattr(widget, "text", value))
    if bare is str and kind == "QTextEdit":
        return _Simple(widget, "textChanged", widget.toPlainText, widget.setPlainText)
    if bare is FloatRange and kind in RANGE_WIDGETS and None not in bounds(notes):
        return _range(widget, notes)
    if isinstance(bare, type) and issubclass(bare, pathlib.PurePath) and kind in {"ctkPathLineEdit", "ctkDirectoryButton"}:
        name = "currentPath" if kind == "ctkPathLineEdit" else "directory"
        write = lambda value: setattr(widget, name, str(value))  # noqa: E731
        return _Simple(widget, f"{name}Changed", lambda: bare(getattr(widget, name)), write)
    if kind == "QColor" or (kind == "ctkColorPickerButton" and getattr(bare, "__name__", "") == "QColor"):
        return _attribute(widget, "color", "colorChanged")
    if _node_types(bare):
        return _node(widget, kind, _node_types(bare))
    return None


def _node_types(bare: Any) -> list[str]:
    parts = get_args(bare) if get_origin(bare) in {Union, types.UnionType} else (bare,)
    names = [getattr(one, "__name__", "") for one in parts if one is not type(None)]
    return names if names and all(name.startswith("vtkMRML") for name in names) else []


def _node(widget: Any, kind: str, names: list[str]) -> Any:
    signals = {"qMRMLNodeComboBox": "currentNodeChanged", "qSlicerSimpleMarkupsWidget": "markupsNodeChanged"}
    if kind not in signals:
        return None
    if kind == "qMRMLNodeComboBox":
        widget.nodeTypes = names
    return _Simple(widget, signals[kind], widget.currentNode, widget.setCurrentNode)


def _choices(widget: Any, pairs: list[tuple[str, Any]]) -> _Simple:
    widget.clear()
    widget.addItems([text for text, _ in pairs])
    values = [value for _, value in pairs]

    def write(value: Any) -> None:
        widget.currentIndex = values.index(value)

    return _Simple(widget, "currentIndexChanged", lambda: values[widget.currentIndex], write)


def _number(widget: Any, kind: str, bare: Any, notes: tuple[Any, ...]) -> Any:
    low, high = bounds(notes)
    if kind in NEED_BOUNDS and None in {low, high}:
        return None
    if bare is int and kind not in {"QSlider", "QSpinBox"}:
        widget.decimals = 0
    for note, name in ((first(notes, Decimals), "decimals"), (first(notes, SingleStep), "singleStep")):
        if note is not None:
            setattr(widget, name, note.value)
    widget.minimum = low if low is not None else -WIDEST
    widget.maximum = high if high is not None else WIDEST
    return _attribute(widget, "value", "valueChanged", bare)


def _range(widget: Any, notes: tuple[Any, ...]) -> _Simple:
    widget.minimum, widget.maximum = bounds(notes)
    return _Simple(
        widget,
        "valuesChanged",
        lambda: FloatRange(widget.minimumValue, widget.maximumValue),
        lambda value: widget.setValues(value.minimum, value.maximum),
    )


def connect_widgets(wrapper: Any, mapping: dict[str, tuple[Any, Any]]) -> Callable[[], None]:
    """Bind widgets both ways; returns the function that undoes it."""
    import vtk

    connectors = {name: createGuiConnector(widget, hint) for name, (widget, hint) in mapping.items()}
    busy = [False]

    def to_widgets(*_: Any) -> None:
        if busy[0]:
            return
        busy[0] = True
        try:
            for name, one in connectors.items():
                if one.widget():
                    one.write(wrapper.getValue(name))
        except Exception:
            RECORDER.exception()
        finally:
            busy[0] = False

    def from_widget(name: str) -> Callable[[], None]:
        def changed() -> None:
            if not busy[0]:
                wrapper.setValue(name, connectors[name].read())

        return changed

    to_widgets()
    for name, one in connectors.items():
        one.onChanged(from_widget(name))
    tag = wrapper.AddObserver(vtk.vtkCommand.ModifiedEvent, to_widgets)

    def undo() -> None:
        wrapper.RemoveObserver(tag)
        for one in connectors.values():
            one.onChanged(None)

    return undo
