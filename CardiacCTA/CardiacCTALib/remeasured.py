"""Vessels measured again along a line that a reader moved, kept beside the result, so that showing them needs no scan."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.line_edit import LinePoint
from SenseCarePlanningLib.whole_folder import count_as_ours

from .result_io import load_vessel, save_vessel
from .vessel_edit import VesselEdit
from .vessel_editor import moved_vessel
from .vessel_result import VesselResult

REMEASURED = "reader_vessels"
"""Folder within a result, one more folder in it a vessel and line."""
_CONTENT = "vessel.json"

Remeasured = Callable[[VesselResult, tuple[LinePoint, ...]], VesselResult]
"""Gives a vessel, as measured by the run, measured again along its line with moved points."""


def line_key(first: VesselResult, line: Sequence[LinePoint]) -> str:
    """Return the name under which a vessel on a moved line is kept: it follows from the line alone, not from names."""
    digest = hashlib.sha256(np.round(first.vessel.points_lps_mm, 6).tobytes())
    for one in line:
        digest.update(np.round([one.arc_mm, *one.point_lps_mm], 6).tobytes())
    return digest.hexdigest()[:16]


def keep_remeasured(first: VesselResult, new: VesselResult, folder: Path) -> None:
    """Keep a vessel that was measured again in the result folder, before the change that needs it is kept.

    Parameters
    ----------
    first
        The vessel as the run measured it.
    new
        What :func:`vessel_editor.remeasure` gave.

    Raises
    ------
    OSError
        When it cannot be written; the result is as before.
    """
    place = Path(folder) / REMEASURED / line_key(first, new.edit.line)
    place.mkdir(parents=True, exist_ok=True)
    content = save_vessel(new, place)
    scratch = place / f"{_CONTENT}.part"
    scratch.write_text(json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(scratch, place / _CONTENT)
    for path in sorted(place.iterdir()):
        count_as_ours(Path(folder), path.relative_to(folder).as_posix())


def kept_in(folder: Path, otherwise: Remeasured | None = None) -> Remeasured:
    """Return what finds vessels that were measured again in a result folder.

    Parameters
    ----------
    otherwise
        Measures one that is not kept, or whose file is damaged; without it that is an error.
    """

    def find(first: VesselResult, line: tuple[LinePoint, ...]) -> VesselResult:
        """Return the vessel as it was kept for this line."""
        place = Path(folder) / REMEASURED / line_key(first, line)
        try:
            found = load_vessel(json.loads((place / _CONTENT).read_text(encoding="utf-8")), place)
            if not np.allclose(found.vessel.points_lps_mm, moved_vessel(first.vessel, line).points_lps_mm, atol=1e-3):
                raise ValueError("the vessel runs along another line")
        except (OSError, ValueError, KeyError, TypeError) as error:
            if otherwise is not None:
                return otherwise(first, line)
            raise InputError(
                f"The vessel {first.vessel.name}, measured again along the line that a reader moved, is missing or damaged; "
                "write the result again with ./run regrade, which measures it from the scan.",
                detail=str(error),
            ) from error
        return replace(found, edit=VesselEdit(line=line))

    return find
