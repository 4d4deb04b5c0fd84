"""What the user knows of a patient from elsewhere, as a form gives it before a run and a result keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.i18n import Translator
from SenseCarePlanningLib.report.words import label_of

from .calcium_series import calibration_problems
from .findings import Ischaemia, NotAtherosclerotic
from .result import CoronaryResult
from .segments import SEGMENTS
from .told_stents import told_stents

ISCHAEMIA_WORDS = {
    Ischaemia.POSITIVE: label_of("I+: ischaemia"),
    Ischaemia.NEGATIVE: label_of("I−: no ischaemia"),
    Ischaemia.INDETERMINATE: label_of("I±: indeterminate"),
}
"""What a form offers for CT-FFR or stress perfusion; in the form's order."""
_NONE = "none"


@dataclass(frozen=True)
class Known:
    """What is known besides the scan; the defaults are nothing.

    Parameters
    ----------
    ischaemia, exceptions, stents, calcium_calibration
        As in :class:`.pipeline.CoronaryOptions`.
    """

    ischaemia: Ischaemia | None = None
    exceptions: frozenset[NotAtherosclerotic] = frozenset()
    stents: frozenset[str] = frozenset()
    calcium_calibration: float | None = None

    def say(self, translate: Translator) -> str:
        """Return all of it in one line for the reader; empty without any."""
        told = [] if self.ischaemia is None else [translate(ISCHAEMIA_WORDS[self.ischaemia])]
        told += [translate(one.value) for one in NotAtherosclerotic if one in self.exceptions]
        if self.stents:
            codes = translate(", ").join(one.code for one in SEGMENTS if one.code in self.stents)
            told.append(translate("stents in {segments}").format(segments=codes))
        if self.calcium_calibration is not None:
            told.append(translate("calibration {factor} mg/cm³ per HU").format(factor=f"{self.calcium_calibration:g}"))
        return translate("; ").join(told)


def known_of(result: CoronaryResult) -> Known:
    """Return what a result rests on besides its scan; the calibration as it was given to the run."""
    factor = result.run.options.get("calcium_calibration", _NONE).split(" ")[0]
    return Known(
        result.findings.ischaemia,
        result.findings.not_atherosclerotic,
        told_stents(result),
        None if factor == _NONE else float(factor),
    )


def read_calibration(text: str, has_series: bool) -> float | None:
    """Read a calibration factor of the calcium (mg/cm3 of hydroxyapatite per HU) that was typed; None for an empty text.

    Parameters
    ----------
    text
        A number with a point or a comma.
    has_series
        Whether there is a calcium series, without which a factor is of no use.

    Raises
    ------
    InputError
        When it is no number, cannot be one of a CT, or there is no series; in one sentence.
    """
    if not text.strip():
        return None
    try:
        factor = float(text.strip().replace(",", "."))
    except ValueError:
        raise InputError(f"The calibration factor of the calcium is a number such as 0.78; got {text.strip()!r}.") from None
    if problems := calibration_problems(factor, has_series):
        raise InputError("The calibration factor of the calcium cannot be used.", problems)
    return factor
