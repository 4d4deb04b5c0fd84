"""What the segments of an airway result are called and coded: one table for DICOM SEG and for the scene."""

from __future__ import annotations

from dataclasses import dataclass

from SenseCarePlanningLib.dicomio.seg import ANATOMY, SegmentDescription
from SenseCarePlanningLib.render.plan_colours import TARGET
from SenseCarePlanningLib.report.model import Code
from SenseCarePlanningLib.volume import LabelMap

from .constants import LLL, LUL, LUNG_LEFT, LUNG_RIGHT, RLL, RML, RUL
from .result import AirwayResult

ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")


@dataclass(frozen=True)
class SegmentMeaning:
    """Name, coded category and type, and display colour (RGB, 0 to 255) of one structure."""

    name: str
    type: Code
    color_rgb: tuple[int, int, int]
    category: Code = ANATOMY


SEGMENTS = {
    "airway": SegmentMeaning("Airway", Code("110726009", "SCT", "Trachea and bronchus"), (153, 204, 255)),
    "vessels": SegmentMeaning("Pulmonary vessels", Code("59820001", "SCT", "Blood Vessel"), (216, 101, 79)),
    "lung_right": SegmentMeaning("Right lung", Code("3341006", "SCT", "Right lung"), (204, 178, 166)),
    "lung_left": SegmentMeaning("Left lung", Code("44029006", "SCT", "Left lung"), (178, 191, 204)),
    "lobe_rul": SegmentMeaning("Right upper lobe", Code("42400003", "SCT", "Upper lobe of right lung"), (242, 191, 140)),
    "lobe_rml": SegmentMeaning("Right middle lobe", Code("72481006", "SCT", "Middle lobe of right lung"), (191, 230, 153)),
    "lobe_rll": SegmentMeaning("Right lower lobe", Code("266005", "SCT", "Lower lobe of right lung"), (153, 204, 230)),
    "lobe_lul": SegmentMeaning("Left upper lobe", Code("44714003", "SCT", "Upper lobe of left lung"), (230, 166, 204)),
    "lobe_lll": SegmentMeaning("Left lower lobe", Code("41224006", "SCT", "Lower lobe of left lung"), (191, 178, 242)),
    "target": SegmentMeaning("Target", Code("27925004", "SCT", "Nodule"), TARGET, ABNORMAL),
}
"""SNOMED CT concepts, from DICOM PS3.16 (context groups 7150, 7151, 7155 and 7159) where it has them; the lungs and lobes
by side are SNOMED CT's own."""

LUNG_SEGMENTS = {LUNG_RIGHT: "lung_right", LUNG_LEFT: "lung_left"}
LOBE_SEGMENTS = {RUL: "lobe_rul", RML: "lobe_rml", RLL: "lobe_rll", LUL: "lobe_lul", LLL: "lobe_lll"}


def describe_segments(result: AirwayResult) -> list[tuple[SegmentDescription, LabelMap]]:
    """Return airway, lungs, lobes and vessels of a result, those that exist, each with its codes.

    Returns
    -------
    list
        Description and label map; the description's ``value`` selects the label.
    """
    engine, version = result.engine.name, result.engine.version
    learned = engine in ("bundle", "totalsegmentator")

    def described(value: int, segment: str, by_network: bool) -> SegmentDescription:
        """Return what a label means and who found it, as DICOM wants it."""
        meaning = SEGMENTS[segment]
        return SegmentDescription(
            value=value,
            label=meaning.name,
            category=meaning.category,
            type=meaning.type,
            color_rgb=meaning.color_rgb,
            algorithm=f"SenseCare Planning {engine}",
            algorithm_version=version or "1",
            learned=by_network,
        )

    found = [(described(1, "airway", learned), result.airway)]
    if result.lungs is not None:
        found.extend((described(value, segment, False), result.lungs) for value, segment in LUNG_SEGMENTS.items())
    if result.lobes is not None:
        found.extend((described(value, segment, False), result.lobes) for value, segment in LOBE_SEGMENTS.items())
    if result.vessels is not None:
        found.append((described(1, "vessels", False), result.vessels))
    return found
