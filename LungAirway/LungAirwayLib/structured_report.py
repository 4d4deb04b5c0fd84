"""The airway result's numbers as a DICOM structured report: the target, and the airways that have a name or lie on a route."""

from __future__ import annotations

from SenseCarePlanningLib.dicomio.seg import ANATOMY
from SenseCarePlanningLib.dicomio.structured_report import Algorithm, Evaluation, MeasurementDocument, MeasurementGroup, Site
from SenseCarePlanningLib.dicomio.structured_report_items import Concept
from SenseCarePlanningLib.report.model import Code, Measurement
from SenseCarePlanningLib.tubes.tree import Branch

from .constants import LEFT_MAIN, LOBAR_CODES, LOBE_CODES, RIGHT_MAIN, SEGMENT_CODES, TRACHEA
from .naming import side_of
from .plan import DensityClass, Target
from .report_pages.words import Words, label_of
from .result import AirwayResult
from .segments import ABNORMAL, LOBE_SEGMENTS, SEGMENTS

CT = Code("77477000", "SCT", "Computed tomography")
BRONCHUS = Code("955009", "SCT", "Bronchus")
LUNG = Code("39607008", "SCT", "Lung")
LEFT, RIGHT = Code("7771000", "SCT", "Left"), Code("24028007", "SCT", "Right")
MAIN_AIRWAYS = {
    TRACHEA: Code("44567001", "SCT", "Trachea"),
    RIGHT_MAIN: Code("70074004", "SCT", "Right main bronchus"),
    LEFT_MAIN: Code("75245000", "SCT", "Left main bronchus"),
}
"""Airways with a code in context groups 6102 and 7155; the others are bronchi of a side, named by the tracking identifier."""

DIAMETER = Code("81827009", "SCT", "Diameter")
CONCEPTS = {
    "inner_diameter": Concept(DIAMETER, Code("373099004", "SCT", "Median")),
    "minimum_diameter": Concept(DIAMETER, Code("255605001", "SCT", "Minimum")),
    "wall_thickness": Concept(Code("122445", "DCM", "Wall Thickness")),
    "length": Concept(Code("410668003", "SCT", "Length")),
    "branch_angle": Concept(Code("1483009", "SCT", "Angle")),
    "mean_diameter": Concept(DIAMETER, Code("373098007", "SCT", "Mean")),
    "maximum_3d_diameter": Concept(Code("L0JK", "IBSI", "Maximum 3D Diameter of a Mesh")),
    "solid_core_diameter": Concept(Code("solid_core_diameter", "99SENSECARE", "Diameter of the solid core")),
    "volume_subvoxel": Concept(Code("volume_subvoxel", "99SENSECARE", "Volume, partial voxels weighted")),
}
"""Machine name -> DICOM PS3.16 code and derivation; measurements not listed carry their own code, or a private one."""

DENSITY = Code("density_class", "99SENSECARE", "Density class of the nodule")
DENSITIES = {
    DensityClass.SOLID: Code("solid", "99SENSECARE", "Solid"),
    DensityClass.PART_SOLID: Code("part_solid", "99SENSECARE", "Part-solid"),
    DensityClass.GROUND_GLASS: Code("ground_glass", "99SENSECARE", "Ground glass"),
}
PER_BRANCH = ("inner_diameter", "minimum_diameter", "wall_thickness", "length", "branch_angle")

REMARK = label_of("For research use, not a medical device; to be reviewed by a clinician. Lengths in mm, angles in degrees.")


def measurement_document(result: AirwayResult, language: str = "en") -> MeasurementDocument:
    """Arrange a result's numbers for :func:`SenseCarePlanningLib.dicomio.structured_report.write_structured_report`.

    Parameters
    ----------
    result
        Any airway result; without a target there are only airways.
    language
        ``en`` or ``zh``: of remarks, reasons and methods. Meanings of codes and tracking identifiers are English in both.

    Returns
    -------
    MeasurementDocument
        First the target, then trachea, main, lobar and segmental bronchi and every branch of a route, from the trachea down.
    """
    words = Words.of(language)
    algorithm = Algorithm(f"SenseCare Planning {result.engine.name}", result.engine.version)
    groups = [_target(result.plan.target, algorithm)] if result.plan is not None else []
    groups.extend(
        MeasurementGroup(
            tracking_id=_name(branch),
            measurements=_chosen(result.branch_measurements.get(branch.id, ())),
            category=ANATOMY,
            finding=BRONCHUS if _code(branch) != TRACHEA else MAIN_AIRWAYS[TRACHEA],
            sites=(_site(branch),),
            algorithm=algorithm,
        )
        for branch in _shown(result)
    )
    return MeasurementDocument(
        groups=tuple(groups),
        procedure=CT,
        concepts=CONCEPTS,
        remarks=(words.say(REMARK), *words.sentences(result.warnings)),
        series_description="Airway measurements",
        words=words,
    )


def _target(target: Target, algorithm: Algorithm) -> MeasurementGroup:
    lobe = next((SEGMENTS[LOBE_SEGMENTS[value]].type for value, code in LOBE_CODES.items() if code == target.lobe), None)
    density = DENSITIES.get(target.density)
    return MeasurementGroup(
        tracking_id="Target",
        measurements=tuple(target.measurements.values()),
        evaluations=(Evaluation(DENSITY, density),) if density is not None else (),
        finding=SEGMENTS["target"].type,
        category=ABNORMAL,
        sites=(Site(lobe or LUNG),),
        algorithm=algorithm,
    )


def _chosen(measurements: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
    return tuple(one for name in PER_BRANCH for one in measurements if one.name == name)


def _shown(result: AirwayResult) -> list[Branch]:
    """Return the branches to report, each once, parents before children."""
    named = {TRACHEA, RIGHT_MAIN, LEFT_MAIN, *LOBAR_CODES, *SEGMENT_CODES}
    on_route = {branch_id for route in (result.plan.routes if result.plan is not None else ()) for branch_id in route.branch_ids}
    order = result.tree.subtree(result.tree.root_id)
    return [result.tree[branch_id] for branch_id in order if branch_id in on_route or _code(result.tree[branch_id]) in named]


def _code(branch: Branch) -> str:
    return branch.label.code if branch.label is not None else ""


def _name(branch: Branch) -> str:
    return _code(branch) or f"branch {branch.id}"


def _site(branch: Branch) -> Site:
    code = _code(branch)
    if code in MAIN_AIRWAYS:
        return Site(MAIN_AIRWAYS[code])
    side = {"left": LEFT, "right": RIGHT}.get(side_of(code) or "") if code else None
    return Site(BRONCHUS, side)
