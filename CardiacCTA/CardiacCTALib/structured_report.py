"""The coronary result's numbers as a DICOM structured report: patient, lesions, segments, calcium of each artery, the scan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from SenseCarePlanningLib.dicomio.structured_report import Algorithm, Evaluation, MeasurementDocument, MeasurementGroup, Site
from SenseCarePlanningLib.dicomio.structured_report_items import PRIVATE_SCHEME, Concept
from SenseCarePlanningLib.report.model import Code, Measurement, not_measured

from . import dicom_codes as codes
from .cadrads_category import Category
from .findings import SegmentFinding
from .high_risk import doubtful_features, is_high_risk, present_features
from .patient_findings import REASONS
from .plaque import PlaqueType
from .reader_change import ChangeKind
from .report_pages.rows import LesionRow, codes_by_reader, counted_rows, lesion_rows, makes_4b
from .report_pages.words import Words, label_of
from .result import CoronaryResult
from .segments import BY_CODE, SEGMENTS, Artery
from .told_stents import told_stents

REMARK = label_of(
    "For research use, not a medical device; to be reviewed by a clinician. Lengths in mm, areas in mm2, volumes in mm3; "
    "diameter and area stenosis in percent of the healthy lumen by the taper of the vessel."
)
PATIENT, SCAN = "Patient", "Scan"
CONCEPTS: Mapping[str, Concept] = {
    "diameter_stenosis_taper": codes.CONCEPTS["diameter_stenosis"],
    "area_stenosis_taper": codes.CONCEPTS["area_stenosis"],
    "minimum_lumen_diameter": codes.CONCEPTS["minimal_lumen_diameter"],
    "minimum_lumen_area": codes.CONCEPTS["minimal_lumen_area"],
    "calcium_arc": codes.CONCEPTS["calcium_arc"],
    "plaque_volume": codes.CONCEPTS["plaque_volume"],
    "lumen_volume": codes.CONCEPTS["lumen_volume"],
    "plaque_burden_at_narrowest": codes.CONCEPTS["plaque_burden"],
    "remodelling_index": codes.CONCEPTS["remodelling_index"],
    "agatston_score": codes.CONCEPTS["agatston"],
    "calcium_volume": codes.CONCEPTS["calcium_volume"],
    "calcium_mass": codes.CONCEPTS["calcium_mass"],
    **{
        name: Concept(Code(name, PRIVATE_SCHEME, meaning))
        for name, meaning in (
            ("diameter_stenosis_adjacent", "Lumen diameter stenosis against adjacent sections"),
            ("area_stenosis_adjacent", "Lumen area stenosis against adjacent sections"),
            ("reference_diameter", "Healthy lumen diameter"),
            ("reference_diameter_taper", "Healthy lumen diameter by the taper"),
            ("reference_diameter_adjacent", "Healthy lumen diameter of adjacent sections"),
            ("least_lumen_distance", "Distance of the least lumen from the ostium"),
            ("percent_atheroma_volume", "Percent atheroma volume"),
            ("calcified_plaque_volume", "Calcified plaque volume"),
        )
    },
}
"""Machine name -> code and derivation: one each within a group; measurements not listed carry their own or a private one."""
CORONARY_ARTERY = Code("41801008", "SCT", "Coronary artery")
ARTERIES: Mapping[Artery, Code] = {
    Artery.LM: Code("3227004", "SCT", "Left Main Coronary Artery"),
    Artery.LAD: Code("59438005", "SCT", "Left Anterior Descending Coronary Artery"),
    Artery.LCX: Code("57396003", "SCT", "Circumflex Coronary Artery"),
    Artery.RCA: Code("13647002", "SCT", "Right Coronary Artery"),
    Artery.RI: Code("244252004", "SCT", "Intermediate Artery (Ramus)"),
}
CALCIFICATION = codes.PLAQUES[PlaqueType.CALCIFIED]

ASSESSABILITY = Code("assessability", PRIVATE_SCHEME, "Whether the segment can be assessed")
ASSESSED = Code("assessed", PRIVATE_SCHEME, "Assessed")
IN_PART = Code("in_part", PRIVATE_SCHEME, "Assessed in part")
NOT_ASSESSABLE = Code("not_assessable", PRIVATE_SCHEME, "Not assessable")
ORIGIN = Code("origin_of_walls", PRIVATE_SCHEME, "Who drew the walls or gave the grade")
BY_READER = Code("by_reader", PRIVATE_SCHEME, "The reader")

_OF_PATIENT = ("agatston_score", "calcium_volume", "calcium_mass", "segment_involvement_score", "plaque_volume",
               "calcified_plaque_volume", "low_attenuation_plaque_volume")  # fmt: skip
_OF_SCAN = ("aortic_attenuation", "noise", "point_spread_fwhm")
_LESION_CATEGORIES = {
    "0": Category.NONE, "1": Category.MINIMAL, "2": Category.MILD, "3": Category.MODERATE, "4A": Category.SEVERE,
    "5": Category.OCCLUDED,
}  # fmt: skip


def measurement_document(result: CoronaryResult, language: str = "en") -> MeasurementDocument:
    """Arrange a result's numbers for :func:`SenseCarePlanningLib.dicomio.structured_report.write_structured_report`.

    Parameters
    ----------
    result
        Any coronary result, with a reader's changes where they are applied.
    language
        ``en`` or ``zh``: of remarks, reasons and methods. Meanings of codes and tracking identifiers are English in both.

    Returns
    -------
    MeasurementDocument
        The patient (CAD-RADS with modifiers, dominance, sums), the lesions that count for grading as the report numbers
        them, the segments with what cannot be assessed, the calcium of each artery where it was scored, the scan.
    """
    words = Words.of(language)
    algorithm = Algorithm(f"SenseCare Planning {result.engine.name}", result.engine.version)
    read = codes_by_reader(result)
    groups = [_patient(result, algorithm)]
    groups += [_lesion(row, algorithm) for row in counted_rows(result)]
    groups += [_segment(result, one, algorithm, one.code in read) for one in result.findings.segments]
    groups += _calcium(result, algorithm)
    groups.append(MeasurementGroup(SCAN, _named(result, _OF_SCAN), finding=codes.CORONARY_CTA, algorithm=algorithm))
    return MeasurementDocument(
        groups=tuple(group for group in groups if group.measurements or group.evaluations),
        procedure=codes.CORONARY_CTA,
        concepts=CONCEPTS,
        remarks=_remarks(result, words),
        series_description="Coronary measurements",
        words=words,
    )


def _named(result: CoronaryResult, names: tuple[str, ...]) -> tuple[Measurement, ...]:
    return tuple(result.examination[name] for name in names if name in result.examination)


def _patient(result: CoronaryResult, algorithm: Algorithm) -> MeasurementGroup:
    graded = result.grade
    burden = () if graded.burden.level is None else (f"P{graded.burden.level}",)
    evaluations = [Evaluation(codes.ASSESSMENT, codes.ASSESSMENTS[graded.category])]
    evaluations += [Evaluation(codes.ASSESSMENT_MODIFIER, codes.MODIFIERS[name]) for name in (*burden, *graded.modifiers)]
    if result.dominance is not None:
        evaluations.append(Evaluation(codes.DOMINANCE, codes.DOMINANCES[result.dominance]))
    return MeasurementGroup(
        PATIENT, _named(result, _OF_PATIENT), tuple(evaluations), codes.CORONARY_DISEASE, algorithm=algorithm
    )  # fmt: skip


def _lesion(row: LesionRow, algorithm: Algorithm) -> MeasurementGroup:
    grades = () if row.reason else row.grades  # what is listed and not graded is so here, too; the remarks say why
    evaluations = [Evaluation(codes.GRADE, codes.ASSESSMENTS[_LESION_CATEGORIES[grade]]) for grade in grades]
    kind = codes.PLAQUES.get(row.plaque.volumes.kind)
    if kind is not None:
        evaluations.append(Evaluation(codes.PLAQUE, kind))
    if makes_4b(row):
        evaluations.append(Evaluation(codes.PATIENT_BY_LESION, codes.ASSESSMENTS[Category.SEVERE_EXTENSIVE]))
    for concept, signs in (
        (codes.SIGN, present_features(row.plaque.features)),
        (codes.DOUBTFUL_SIGN, doubtful_features(row.plaque.features)),
    ):
        evaluations += [Evaluation(concept, codes.SIGNS[sign]) for sign in sorted(signs, key=str)]
    if is_high_risk(row.plaque.features):
        evaluations.append(Evaluation(codes.PLAQUE, codes.VULNERABLE))
    if row.by_reader or row.given:
        evaluations.append(Evaluation(ORIGIN, BY_READER))
    return MeasurementGroup(
        tracking_id=f"{row.name} {row.code or row.vessel.vessel.name}",
        measurements=tuple(row.numbers.values()),
        evaluations=tuple(evaluations),
        finding=codes.STENOSIS,
        sites=(Site(BY_CODE[row.code].meaning if row.code else CORONARY_ARTERY),),
        algorithm=algorithm,
    )


def _segment(result: CoronaryResult, finding: SegmentFinding, algorithm: Algorithm, by_hand: bool) -> MeasurementGroup:
    stenosis, numbers = finding.stenosis, result.segment_measurements.get(finding.code, ())
    name, unit = "diameter_stenosis_taper", "%"
    if stenosis is None:
        worst = not_measured(name, unit, finding.not_assessable)
    else:
        worst = Measurement(name, stenosis.percent, unit, stenosis.interval, "worst of the segment", by_reader=by_hand)
    seen = Evaluation(ASSESSABILITY, NOT_ASSESSABLE if stenosis is None else IN_PART if finding.not_assessable else ASSESSED)
    origin = (Evaluation(ORIGIN, BY_READER),) if by_hand else ()
    return MeasurementGroup(
        tracking_id=f"Segment {BY_CODE[finding.code].number} {finding.code}",
        measurements=(worst, *numbers),
        evaluations=(seen, *origin),
        finding=CORONARY_ARTERY,
        sites=(Site(BY_CODE[finding.code].meaning),),
        algorithm=algorithm,
    )


def _calcium(result: CoronaryResult, algorithm: Algorithm) -> list[MeasurementGroup]:
    """Return the score of every artery; none where there is no score, which the patient's group says with the reason."""
    found = []
    for artery in Artery:
        item = result.examination.get(f"agatston_score_{artery.value}")
        if item is not None:
            number = Measurement("agatston_score", item.value, item.unit, item.interval, item.method, item.reason_missing)
            site = (Site(ARTERIES[artery]),)
            found.append(MeasurementGroup(f"Calcium {artery.value}", (number,), (), CALCIFICATION, None, site, algorithm))
    return found


def _remarks(result: CoronaryResult, words: Words) -> tuple[str, ...]:
    grade, findings = result.grade, result.findings
    found = [words.say(REMARK), f"{grade.text}."]

    def listed(message: str, parts: Iterable[str]) -> None:
        """Add a sentence with what it lists, where there is any."""
        if text := words.say(", ").join(parts):
            found.append(words.say(message, listed=text))

    listed(
        label_of("Within the intervals the category may be {listed}."),
        [] if grade.certain else [one.value for one in grade.possible],
    )
    listed(
        label_of("Listed in the report, not graded and not here: {listed}."),
        [f"{_named_row(row)} {row.percent:.0f} % ({_reasons(row, words)})" for row in lesion_rows(result) if not row.counts],
    )
    counted = counted_rows(result)
    listed(
        label_of("Measured and not graded: {listed}."),
        [f"{row.name} {row.code} ({_reasons(row, words)})" for row in counted if row.reason],
    )
    listed(
        label_of("Graded by the reader though the image may have made them: {listed}."),
        [
            f"{row.name} {row.code} ({words.say('; ').join(words.reason(REASONS[one]) for one in row.made_by)})"
            for row in counted if row.made_by
        ],
    )  # fmt: skip
    listed(
        label_of("Segments that this heart does not have: {listed}."),
        [one.code for one in SEGMENTS if one.code in findings.absent],
    )
    listed(label_of("Stated by the reader, not found by this program: {listed}."), _stated(result, words))
    found += [words.say("Changed by the reader: {change}", change=one.say(words.translate)) for one in result.changes]
    known = {one.text: one for one in result.quality}
    found += [known[one].say(words.code) if one in known else words.sentence(one) for one in result.warnings]
    return (*found, *words.sentences(result.not_measured))


def _named_row(row: LesionRow) -> str:
    return f"{row.name} {row.code or row.vessel.vessel.name}"


def _reasons(row: LesionRow, words: Words) -> str:
    return words.say("; ").join(words.reason(part) for part in row.reason.split("; "))


def _stated(result: CoronaryResult, words: Words) -> list[str]:
    findings = result.findings
    stated = [] if findings.ischaemia is None else [findings.ischaemia.value]
    stated += [f"E ({words.say(one)})" for one in sorted(one.value for one in findings.not_atherosclerotic)]
    if any(one.kind is ChangeKind.STENT for one in result.changes) and (stents := told_stents(result)):
        stated.append(f"S ({words.say(', ').join(one.code for one in SEGMENTS if one.code in stents)})")
    return stated
