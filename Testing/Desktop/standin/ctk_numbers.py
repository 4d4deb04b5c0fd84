"""CTK's sliders, spin boxes and ranges."""

from __future__ import annotations

from typing import Any, ClassVar

from PySide6 import QtCore, QtWidgets

from .emulation import Emits, emulated

STEPS = 10000


@emulated
class ctkDoubleSpinBox(QtWidgets.QWidget, Emits):
    """A spin box for real numbers."""

    DEFAULTS: ClassVar[dict[str, Any]] = {"maximum": 99.99, "singleStep": 1.0, "decimals": 2}

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._box = QtWidgets.QDoubleSpinBox(self)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._box)
        self._box.valueChanged.connect(lambda value: self.send("valueChanged(double)", value))

    def _get_value(self) -> float:
        return self._box.value()

    def _set_value(self, value: float) -> None:
        self._box.setValue(value)

    def _changed(self, key: str) -> None:
        setter = getattr(self._box, f"set{key[:1].upper()}{key[1:]}", None)
        if setter is not None:
            setter(self.property(key))


@emulated
class ctkDoubleSlider(QtWidgets.QWidget, Emits):
    """A slider for real numbers."""

    DEFAULTS: ClassVar[dict[str, Any]] = {"maximum": 99.0, "singleStep": 1.0, "pageStep": 10.0}

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._now = 0.0
        self._bar = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal, self)
        self._bar.setRange(0, STEPS)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._bar)
        self._bar.sliderMoved.connect(self._dragged)

    def _limits(self) -> tuple[float, float]:
        return self.property("minimum"), self.property("maximum")

    def _dragged(self, at: int) -> None:
        low, high = self._limits()
        self._set_value(low + (high - low) * at / STEPS)

    def _get_value(self) -> float:
        return self._now

    def _set_value(self, value: float) -> None:
        low, high = self._limits()
        clipped = min(max(value, low), high)
        changed, self._now = clipped != self._now, clipped
        self._bar.setSliderPosition(round(STEPS * (clipped - low) / (high - low)) if high > low else 0)
        if changed:
            self.send("valueChanged(double)", clipped)

    def _changed(self, key: str) -> None:
        if key in {"minimum", "maximum"}:
            self._set_value(self._now)


@emulated
class ctkSliderWidget(QtWidgets.QWidget, Emits):
    """A slider with its spin box."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "maximum": 99.0,
        "singleStep": 1.0,
        "pageStep": 10.0,
        "decimals": 2,
        "tracking": True,
        "spinBoxVisible": True,
    }

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._now = 0.0
        self._bar = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal, self)
        self._bar.setRange(0, STEPS)
        self._box = QtWidgets.QDoubleSpinBox(self)
        self._box.setRange(0.0, 99.0)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._bar, 1)
        row.addWidget(self._box)
        self._bar.sliderMoved.connect(self._dragged)
        self._box.valueChanged.connect(self._set_value)

    def _limits(self) -> tuple[float, float]:
        return self.property("minimum"), self.property("maximum")

    def _dragged(self, at: int) -> None:
        low, high = self._limits()
        self.send("valueIsChanging(double)", low + (high - low) * at / STEPS)
        self._set_value(low + (high - low) * at / STEPS)

    def _get_value(self) -> float:
        return self._now

    def _set_value(self, value: float) -> None:
        low, high = self._limits()
        clipped = round(min(max(value, low), high), self.property("decimals"))
        changed, self._now = clipped != self._now, clipped
        self._bar.setSliderPosition(round(STEPS * (clipped - low) / (high - low)) if high > low else 0)
        blocked = self._box.blockSignals(True)
        self._box.setValue(clipped)
        self._box.blockSignals(blocked)
        if changed:
            self.send("valueChanged(double)", clipped)

    def _changed(self, key: str) -> None:
        if key in {"minimum", "maximum"}:
            self._box.setRange(*self._limits())
            self._set_value(self._now)
        elif key in {"decimals", "singleStep", "suffix", "prefix"}:
            getattr(self._box, f"set{key[:1].upper()}{key[1:]}")(self.property(key))
        elif key == "spinBoxVisible":
            self._box.setVisible(self.property(key))

    def reset(self) -> None:
        """Go back to the minimum."""
        self._set_value(self.property("minimum"))


class _Range(QtWidgets.QWidget, Emits):
    """Two numbers, the lower never above the upper."""

    DEFAULTS: ClassVar[dict[str, Any]] = {"maximum": 99.0, "singleStep": 1.0, "decimals": 2}

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._pair = (0.0, 99.0)
        self._boxes = (QtWidgets.QDoubleSpinBox(self), QtWidgets.QDoubleSpinBox(self))
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for box in self._boxes:
            row.addWidget(box)
            box.setRange(0.0, 99.0)
            box.editingFinished.connect(lambda: self.setValues(self._boxes[0].value(), self._boxes[1].value()))
        self.setValues(*self._pair)

    def setValues(self, low: float, high: float) -> None:
        """Set both."""
        limits = self.property("minimum"), self.property("maximum")
        low, high = (min(max(value, limits[0]), limits[1]) for value in (min(low, high), max(low, high)))
        before, self._pair = self._pair, (low, high)
        for box, value in zip(self._boxes, self._pair, strict=True):
            box.setValue(value)
        if before != self._pair:
            self.send("valuesChanged(double,double)", low, high)
        if before[0] != low:
            self.send("minimumValueChanged(double)", low)
        if before[1] != high:
            self.send("maximumValueChanged(double)", high)

    def _get_minimumValue(self) -> float:
        return self._pair[0]

    def _set_minimumValue(self, value: float) -> None:
        self.setValues(value, max(value, self._pair[1]))

    def _get_maximumValue(self) -> float:
        return self._pair[1]

    def _set_maximumValue(self, value: float) -> None:
        self.setValues(min(value, self._pair[0]), value)

    def setMinimumValue(self, value: float) -> None:
        """Set the lower number."""
        self._set_minimumValue(value)

    def setMaximumValue(self, value: float) -> None:
        """Set the upper number."""
        self._set_maximumValue(value)

    def _changed(self, key: str) -> None:
        if key in {"minimum", "maximum"}:
            for box in self._boxes:
                box.setRange(self.property("minimum"), self.property("maximum"))
            self.setValues(*self._pair)
        elif key in {"decimals", "singleStep", "suffix"}:
            for box in self._boxes:
                getattr(box, f"set{key[:1].upper()}{key[1:]}")(self.property(key))


@emulated
class ctkRangeWidget(_Range):
    """A range slider with two spin boxes."""


@emulated
class ctkDoubleRangeSlider(_Range):
    """A range slider for real numbers."""
