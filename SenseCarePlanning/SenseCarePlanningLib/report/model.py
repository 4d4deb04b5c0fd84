"""What a report is made of: measurements with interval and evidence, findings, and pages that no writer computes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Evidence:
    """Where a number can be looked at: a place in the patient and the picture that shows it (file name in the result)."""

    point_lps_mm: tuple[float, float, float] | None = None
    picture: str | None = None


@dataclass(frozen=True)
class Code:
    """A coded concept, such as SCT 955009 "Bronchus"."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True)
class Measurement:
    """A number with unit, interval and evidence, or the reason why it was not measured.

    Parameters
    ----------
    name
        Stable machine name, such as ``long_axis``.
    value
        The number; None when it was not measured.
    unit
        UCUM unit, such as ``mm`` or ``[hnsf'U]``.
    interval
        95 % interval; None where no uncertainty is known, said in ``method``.
    method
        How it was obtained, in one phrase.
    reason_missing
        Why there is no value; required when ``value`` is None.
    """

    name: str
    value: float | None
    unit: str
    interval: tuple[float, float] | None = None
    method: str = ""
    reason_missing: str = ""
    code: Code | None = None
    evidence: Evidence = field(default_factory=Evidence)

    def __post_init__(self) -> None:
        if self.value is None and not self.reason_missing:
            raise ValueError(f"measurement {self.name!r} has neither a value nor the reason why it is missing")
        if self.value is not None and not np.isfinite(self.value):
            raise ValueError(f"measurement {self.name!r} is not finite: {self.value!r}")


def not_measured(name: str, unit: str, reason: str) -> Measurement:
    """Return the legal value "not measured, because ..."."""
    return Measurement(name=name, value=None, unit=unit, reason_missing=reason)
