"""Why a lesion that is listed is not graded: what is said beside it, and how it is told from those that are graded."""

from __future__ import annotations

from SenseCarePlanningLib.report.words import label_of

from .artefacts import REMARKS
from .cadrads_category import counts_by_size
from .constants import GRADED_ABOVE_MM
from .findings import SegmentFinding
from .issues import Issue
from .listing import NEAR_END
from .patient_findings import REASONS, SegmentLesion
from .segments import Artery
from .stenosis import Lesion
from .vessel_result import VesselResult

UNNAMED = label_of("stretch without a name")
SMALL = label_of("artery of 1.5 mm or less")
AT_THE_END = label_of("no plaque, and at the end of the vessel as it was followed")
DOUBTFUL = label_of("not certain to be a lesion")
BORDER = label_of("The artery is about 1.5 mm wide here and graded; by its interval it may be too narrow to be.")
BYPASSED = label_of("a graft leads round it")


def why_ungraded(one: VesselResult, found: SegmentLesion, finding: SegmentFinding | None) -> str:
    """Return why a listed lesion is not graded, as short reasons (message ids) with semicolons between; empty where it is.

    Parameters
    ----------
    one
        Its vessel.
    found
        The lesion with its segment.
    finding
        What was found in that segment; None where it has none.
    """
    lesion = one.lesions[found.number]
    made = [REASONS[issue] for issue in made_by(lesion)]
    if made and not (finding is not None and finding.by_reader):  # who grades a segment says what is there
        return "; ".join(made)
    if finding is None:
        return UNNAMED
    if lesion.narrowings[0].reference_mm.value <= GRADED_ABOVE_MM or not counts_by_size(finding):
        return SMALL
    if not found.counts:
        return AT_THE_END if NEAR_END in lesion.remarks else DOUBTFUL
    if finding.bypassed or (finding.code != Artery.LM.value and one.arc_of(lesion) < one.bypassed_mm):
        return BYPASSED
    return finding.not_assessable if _hidden(lesion, finding) else ""


def made_by(lesion: Lesion) -> tuple[Issue, ...]:
    """Return what of the scan may have made a lesion: a step, streaks of metal."""
    return tuple(issue for issue in (Issue.STEP, Issue.STREAKS) if REMARKS[issue] in lesion.remarks)


def _hidden(lesion: Lesion, finding: SegmentFinding) -> bool:
    """Tell whether the segment was graded without a lesion: not at all, or by a lesser one away from what hides this."""
    if finding.stenosis is None:
        return True
    percent = lesion.narrowings[0].diameter_stenosis_percent.value
    return bool(finding.not_assessable) and percent > finding.stenosis.percent
