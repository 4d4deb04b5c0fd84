"""What may stand in ``Annotated[...]``: defaults, validators, and settings for widgets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

MISSING = object()


class Default:
    """The value of a parameter that is not in the node yet."""

    def __init__(self, value: Any = MISSING, *, generator: Callable[[], Any] | None = None) -> None:
        if (value is MISSING) == (generator is None):
            raise ValueError("Default takes either a value or a generator")
        self.generator = generator if generator is not None else (lambda: value)

    @property
    def value(self) -> Any:
        """The value."""
        return self.generator()


class Validator:
    """Refuses a value with ValueError."""

    def validate(self, value: Any) -> None:
        """Raise ValueError for a value that is not allowed."""
        if not self.allows(value):
            raise ValueError(f"{value!r} is not allowed by {type(self).__name__}{vars(self)}")

    def allows(self, value: Any) -> bool:
        """Tell whether a value is allowed."""
        raise NotImplementedError


class IsNone(Validator):
    """Only None."""

    def allows(self, value: Any) -> bool:
        return value is None


class NotNone(Validator):
    """Anything but None."""

    def allows(self, value: Any) -> bool:
        return value is not None


class IsInstance(Validator):
    """Only instances of classes."""

    def __init__(self, classtype: Any) -> None:
        self.classtype = classtype

    def allows(self, value: Any) -> bool:
        return isinstance(value, self.classtype)


class WithinRange(Validator):
    """From a minimum to a maximum."""

    def __init__(self, minimum: float, maximum: float) -> None:
        self.minimum, self.maximum = minimum, maximum

    def allows(self, value: Any) -> bool:
        return value is None or self.minimum <= value <= self.maximum


class Minimum(Validator):
    """Not below."""

    def __init__(self, minimum: float) -> None:
        self.minimum = minimum

    def allows(self, value: Any) -> bool:
        return value is None or value >= self.minimum


class Maximum(Validator):
    """Not above."""

    def __init__(self, maximum: float) -> None:
        self.maximum = maximum

    def allows(self, value: Any) -> bool:
        return value is None or value <= self.maximum


class Choice(Validator):
    """One of some values."""

    def __init__(self, choices: Iterable[Any]) -> None:
        self.choices = list(choices)

    def allows(self, value: Any) -> bool:
        return value in self.choices


class Exclude(Validator):
    """None of some values."""

    def __init__(self, excludedValues: Iterable[Any]) -> None:
        self.excludedValues = list(excludedValues)

    def allows(self, value: Any) -> bool:
        return value not in self.excludedValues


class RangeBounds(Validator):
    """A range within bounds."""

    def __init__(self, minimum: float, maximum: float) -> None:
        self.minimum, self.maximum = minimum, maximum

    def allows(self, value: Any) -> bool:
        return self.minimum <= value.minimum and value.maximum <= self.maximum


@dataclass(frozen=True)
class Decimals:
    """How many decimals a widget shows."""

    value: int


@dataclass(frozen=True)
class SingleStep:
    """By how much one click changes a widget."""

    value: float


@dataclass(frozen=True)
class Label:
    """A text for a widget."""

    value: str


class FloatRange:
    """Two numbers, the first not above the second."""

    def __init__(self, minimum: float = 0, maximum: float = 0) -> None:
        self.setRange(minimum, maximum)

    def setRange(self, minimum: float, maximum: float) -> None:
        """Set both."""
        if minimum > maximum:
            raise ValueError(f"minimum {minimum} is above maximum {maximum}")
        self._pair = (float(minimum), float(maximum))

    @property
    def minimum(self) -> float:
        """The lower number."""
        return self._pair[0]

    @minimum.setter
    def minimum(self, value: float) -> None:
        self.setRange(value, self._pair[1])

    @property
    def maximum(self) -> float:
        """The upper number."""
        return self._pair[1]

    @maximum.setter
    def maximum(self, value: float) -> None:
        self.setRange(self._pair[0], value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FloatRange) and self._pair == other._pair

    def __hash__(self) -> int:
        return hash(self._pair)


def split(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return a type without its annotations, and these (classes given without arguments are made)."""
    if get_origin(hint) is not Annotated:
        return hint, ()
    bare, *notes = get_args(hint)
    return bare, tuple(note() if isinstance(note, type) and issubclass(note, Validator) else note for note in notes)


def first(notes: tuple[Any, ...], kind: type) -> Any:
    """Return the first annotation of a kind, or None."""
    return next((note for note in notes if isinstance(note, kind)), None)


def bounds(notes: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return the lower and the upper limit that the validators set, None where there is none."""
    within = first(notes, WithinRange) or first(notes, RangeBounds)
    if within is not None:
        return within.minimum, within.maximum
    low, high = first(notes, Minimum), first(notes, Maximum)
    return (low.minimum if low else None), (high.maximum if high else None)
