"""What the segments of a coronary result are called and coded: heart and arteries in one DICOM SEG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.dicomio.seg import SegmentDescription
from SenseCarePlanningLib.report.model import Code
from SenseCarePlanningLib.volume import LabelMap, bounding_box

from .result import CoronaryResult
from .segment_map import OTHER_NUMBER, segment_map
from .segments import SEGMENTS, Artery
from .structured_report import CORONARY_ARTERY
from .structures import (
    AORTA,
    CAVA,
    FAR_AORTA,
    LEFT_ATRIUM,
    LEFT_VENTRICLE,
    MYOCARDIUM,
    PULMONARY_ARTERY,
    RIGHT_ATRIUM,
    RIGHT_VENTRICLE,
)

Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class StructureMeaning:
    """Name, code and display colour (RGB, 0 to 255) of one structure of the heart."""

    name: str
    type: Code
    color_rgb: Rgb


STRUCTURES: Mapping[int, StructureMeaning] = {
    MYOCARDIUM: StructureMeaning(
        "Left ventricular myocardium", Code("49848007", "SCT", "Left Ventricle Myocardium"), (192, 104, 88)
    ),
    LEFT_VENTRICLE: StructureMeaning("Left ventricle", Code("87878005", "SCT", "Left ventricle"), (216, 101, 79)),
    LEFT_ATRIUM: StructureMeaning("Left atrium", Code("82471001", "SCT", "Left atrium"), (230, 150, 120)),
    RIGHT_ATRIUM: StructureMeaning("Right atrium", Code("73829009", "SCT", "Right atrium"), (120, 150, 220)),
    RIGHT_VENTRICLE: StructureMeaning("Right ventricle", Code("53085002", "SCT", "Right ventricle"), (90, 120, 200)),
    AORTA: StructureMeaning("Aorta", Code("15825003", "SCT", "Aorta"), (224, 97, 76)),
    PULMONARY_ARTERY: StructureMeaning("Pulmonary artery", Code("81040000", "SCT", "Pulmonary artery"), (0, 122, 171)),
    CAVA: StructureMeaning("Venae cavae", Code("35532006", "SCT", "Vena cava"), (0, 151, 206)),
    FAR_AORTA: StructureMeaning("Aortic arch and descending aorta", Code("15825003", "SCT", "Aorta"), (200, 80, 62)),
}
"""Arteries of the heart's map are left out: the map of the segments has them with their names."""
ARTERY_COLORS: Mapping[Artery, Rgb] = {
    Artery.LM: (255, 214, 102),
    Artery.LAD: (255, 167, 38),
    Artery.LCX: (102, 187, 106),
    Artery.RCA: (236, 64, 122),
    Artery.RI: (171, 71, 188),
}
_OTHER_COLOR = (200, 200, 120)


def describe_segments(result: CoronaryResult) -> list[tuple[SegmentDescription, LabelMap]]:
    """Return heart and arteries for :func:`SenseCarePlanningLib.dicomio.seg.write_seg`; nothing overlaps.

    What an artery's lumen fills counts for the artery. Where a reader changed names or drew walls the arteries are painted
    again.
    """
    arteries = result.segments
    if result.changes:
        arteries = segment_map(result.trees, result.vessels, result.segments.grid)
    heart = replace(result.heart, array_kji=_without(result.heart.array_kji, arteries.array_kji))
    base = SegmentDescription(
        0, "", algorithm=f"SenseCare Planning {result.engine.name}", algorithm_version=result.engine.version
    )  # fmt: skip
    found = [
        (replace(base, value=value, label=one.name, type=one.type, color_rgb=one.color_rgb), heart)
        for value, one in STRUCTURES.items()
    ]
    base = replace(base, semi_automatic=bool(result.changes))
    found += [
        (
            replace(
                base, value=one.number, label=f"{one.name} ({one.code})", type=one.meaning, color_rgb=ARTERY_COLORS[one.artery]
            ),
            arteries,
        )
        for one in SEGMENTS
    ]  # fmt: skip
    other = replace(base, value=OTHER_NUMBER, label="Other coronary branches", type=CORONARY_ARTERY, color_rgb=_OTHER_COLOR)
    return [*found, (other, arteries)]


def _without(labels_kji: NDArray[np.uint8], taken_kji: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return labels with 0 where others have been given."""
    found: NDArray[np.uint8] = labels_kji.copy()
    if taken_kji.any():
        box = bounding_box(taken_kji)
        found[box][taken_kji[box] > 0] = 0
    return found
