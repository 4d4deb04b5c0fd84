"""What a reader who knew the truth of a digital patient would find in it, and the CAD-RADS that follows."""

from __future__ import annotations

import numpy as np

from SenseCarePlanningLib.phantom.coronary_lesions import Composition
from SenseCarePlanningLib.phantom.coronary_truth import CoronaryTruth, LesionTruth

from .cadrads import CadRads, grade
from .constants import GRADED_ABOVE_MM
from .findings import OPEN, CoronaryFindings, Feature, SegmentFinding, Stenosis
from .high_risk import LOW_ATTENUATION_HU
from .segments import BY_NUMBER


def true_features(lesion: LesionTruth) -> frozenset[Feature]:
    """Return the signs of high-risk plaque that a lesion has.

    Positive remodelling from an index of 1.10 on; low attenuation where a lipid core or the whole plaque lies under 30 HU; spotty
    calcium and the napkin ring where the patient was drawn with them (spots under 3 mm in non-calcified plaque; a dark core at
    the lumen in a brighter ring). A stent has none.
    """
    if lesion.composition is Composition.STENT:
        return frozenset()
    present = {
        Feature.POSITIVE_REMODELLING: lesion.positive_remodelling,
        Feature.LOW_ATTENUATION: lesion.low_attenuation,
        Feature.SPOTTY_CALCIUM: lesion.spotty_calcium,
        Feature.NAPKIN_RING: lesion.napkin_ring,
    }
    return frozenset(feature for feature, there in present.items() if there)


def true_volumes_mm3(lesion: LesionTruth) -> dict[str, float]:
    """Return the volumes of a lesion by kind: ``total``, ``calcified``, ``non_calcified``, ``low_attenuation`` (under 30 HU)."""
    soft, lipid, calcium = (float(lesion.volumes_mm3[name]) for name in ("plaque", "lipid", "calcium"))
    dark = soft if soft > 0.0 and lesion.plaque_hu < LOW_ATTENUATION_HU else 0.0
    return {
        "total": soft + lipid + calcium,
        "calcified": calcium,
        "non_calcified": soft + lipid,
        "low_attenuation": lipid + dark,
    }


def true_findings(truth: CoronaryTruth) -> CoronaryFindings:
    """Return one finding a segment, with its worst stenosis, its plaque and the signs of high-risk plaque.

    The calcium score is not in it: without one the burden goes by the segments involved.
    """
    return CoronaryFindings(tuple(_segment(truth, number) for number in sorted(truth.segments)))


def _segment(truth: CoronaryTruth, number: int) -> SegmentFinding:
    own = [one for one in truth.lesions if one.segment == number]
    percent = max((one.stenosis_percent for one in own), default=0.0)
    widths = np.concatenate([2.0 * one.reference_radius_mm[one.segment == number] for one in truth.arteries])
    at_lesions = [
        2.0 * float(np.median(one.reference_radius_mm[one.lesion == lesion.number]))
        for lesion in own for one in truth.arteries if (one.lesion == lesion.number).any()
    ]  # fmt: skip
    width = round(max(float(np.median(widths)), *at_lesions, 0.0), 2)
    signs = tuple(found for one in own if (found := true_features(one)))
    return SegmentFinding(
        BY_NUMBER[number].code,
        Stenosis(min(percent, 100.0)) if percent else OPEN,
        plaque=any(one.composition is not Composition.STENT for one in own),
        plaque_features=signs if width > GRADED_ABOVE_MM else (),
        diameter_mm=width,
        stent=any(one.composition is Composition.STENT for one in own),
    )


def true_grade(truth: CoronaryTruth) -> CadRads:
    """Return the CAD-RADS that follows from the truth."""
    return grade(true_findings(truth))
