"""What coronary findings are called in DICOM: codes of PS3.16 for a TID 1500 report; private ones where it has none.

The names of finding sites are in :mod:`.segments`. Checked against the dictionary of PS3.16 that pydicom carries. CAD-RADS 2.0
is younger than the context groups: P1 to P4, HRP, I and E have no codes there.
"""

from __future__ import annotations

from collections.abc import Mapping

from SenseCarePlanningLib.dicomio.structured_report_items import PRIVATE_SCHEME, Concept
from SenseCarePlanningLib.report.model import Code

from .cadrads_category import Category
from .findings import Feature
from .plaque import PlaqueType
from .segments import Dominance


def _dcm(value: str, meaning: str) -> Code:
    return Code(value, "DCM", meaning)


def _sct(value: str, meaning: str) -> Code:
    return Code(value, "SCT", meaning)


def _private(value: str, meaning: str) -> Code:
    return Code(value, PRIVATE_SCHEME, meaning)


CORONARY_CTA = _sct("419545005", "CT angiography of coronary arteries")

STENOSIS = _sct("415582006", "Stenosis")
CORONARY_DISEASE = _sct("53741008", "Coronary Artery Disease")
MINIMUM, MEAN = _sct("255605001", "Minimum"), _sct("373098007", "Mean")
LUMEN_DIAMETER = _sct("397413000", "Vessel lumen diameter")
LUMEN_AREA = _sct("397415007", "Vessel lumen cross-sectional area")

CONCEPTS: Mapping[str, Concept] = {
    "diameter_stenosis": Concept(_sct("408715008", "Lumen Diameter Stenosis")),
    "area_stenosis": Concept(_sct("408714007", "Lumen Area Stenosis")),
    "lumen_diameter": Concept(LUMEN_DIAMETER, MEAN),
    "minimal_lumen_diameter": Concept(LUMEN_DIAMETER, MINIMUM),
    "minimal_lumen_area": Concept(LUMEN_AREA, MINIMUM),
    "remodelling_index": Concept(_dcm("122345", "Remodeling Index")),
    "plaque_burden": Concept(_dcm("122354", "Plaque Burden")),
    "lumen_volume": Concept(_dcm("122372", "Lumen Volume")),
    "plaque_volume": Concept(_dcm("122376", "Total Plaque Volume")),
    "calcium_arc": Concept(_dcm("122355", "Arc of Calcium")),
    "agatston": Concept(_sct("450360000", "Coronary artery calcium score")),
    "calcium_volume": Concept(_dcm("122660", "Calcium Volume")),
    "calcium_mass": Concept(_dcm("122661", "Calcium Mass")),
}
"""Machine name of a measurement -> its code and derivation."""

GRADE = _private("stenosis_grade", "Grade of the stenosis")

PATIENT_BY_LESION = _private("category_by_lesion", "Category of the patient by this lesion alone")
SIGN = _private("high_risk_sign", "Sign of high-risk plaque")
SIGNS: Mapping[Feature, Code] = {
    Feature.POSITIVE_REMODELLING: _private("sign_remodelling", "Positive remodelling"),
    Feature.LOW_ATTENUATION: _private("sign_low_attenuation", "Low attenuation"),
    Feature.SPOTTY_CALCIUM: _private("sign_spotty_calcium", "Spotty calcium"),
    Feature.NAPKIN_RING: _private("sign_napkin_ring", "Napkin-ring sign"),
}
"""PS3.16 has codes for none of them."""
DOUBTFUL_SIGN = _private("high_risk_sign_doubtful", "Sign of high-risk plaque, not certain")

PLAQUE = _private("plaque_type", "Type of plaque")
PLAQUES: Mapping[PlaqueType, Code] = {
    PlaqueType.NON_CALCIFIED: _sct("17589002", "Non-calcified"),
    PlaqueType.MOSTLY_NON_CALCIFIED: _sct("26242008", "Mixed"),
    PlaqueType.MOSTLY_CALCIFIED: _sct("26242008", "Mixed"),
    PlaqueType.CALCIFIED: _sct("18115005", "Pathologic calcification"),
}
"""Context group 3802, which has one code for both mixed types."""
VULNERABLE = _dcm("122389", "Vulnerable Plaque")

DOMINANCE = _private("dominance", "Coronary dominance")
DOMINANCES: Mapping[Dominance, Code] = {
    Dominance.RIGHT: _sct("253728007", "Right Coronary Dominance"),
    Dominance.LEFT: _sct("253729004", "Left Coronary Dominance"),
    Dominance.BALANCED: _sct("253730009", "Balanced Coronary Dominance"),
}
"""Context group 3710."""

ASSESSMENT = _dcm("130720", "Coronary Artery Disease Assessment")
ASSESSMENT_MODIFIER = _dcm("130721", "Coronary Artery Disease Assessment Modifier")
ASSESSMENTS: Mapping[Category, Code] = {
    Category.NONE: _dcm("130723", "0 - Documented absence of CAD"),
    Category.MINIMAL: _dcm("130724", "1 - Minimal non-obstructive CAD"),
    Category.MILD: _dcm("130725", "2 - Mild non-obstructive CAD"),
    Category.MODERATE: _dcm("130726", "3 - Moderate stenosis"),
    Category.SEVERE: _dcm("130728", "4A - Severe stenosis"),
    Category.SEVERE_EXTENSIVE: _dcm("130729", "4B - Severe stenosis"),
    Category.OCCLUDED: _dcm("130730", "5 - Total coronary occlusion"),
    Category.NON_DIAGNOSTIC: _dcm("130731", "N - Non-diagnostic study"),
}
"""Context groups 3020 and 3021."""
MODIFIERS: Mapping[str, Code] = {
    "N": _dcm("130732", "N - Non-diagnostic segments"),
    "S": _dcm("130733", "S - Stent"),
    "G": _dcm("130734", "G - Graft"),
    "HRP": _private("hrp", "HRP - High-risk plaque"),
    "I+": _private("ischaemia_yes", "I+ - Ischaemia"),
    "I-": _private("ischaemia_no", "I- - No ischaemia"),
    "I±": _private("ischaemia_maybe", "I+/- - Indeterminate for ischaemia"),
    "E": _private("exception", "E - Exception"),
    "P1": _private("plaque_p1", "P1 - Mild plaque burden"),
    "P2": _private("plaque_p2", "P2 - Moderate plaque burden"),
    "P3": _private("plaque_p3", "P3 - Severe plaque burden"),
    "P4": _private("plaque_p4", "P4 - Extensive plaque burden"),
}
"""Context group 3022 (CAD-RADS 1.0, where V stands for what is HRP now), and private codes for what came with 2.0."""
