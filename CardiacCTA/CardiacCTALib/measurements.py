"""Every number of the coronary result with unit, interval, method, code and the place where it can be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.report.model import Code, Evidence, Measurement, not_measured

from .cadrads import CadRads
from .calcium import CalciumScore
from .lumen import Measured
from .plaque import LesionPlaque, PlaqueVolumes
from .reference import EDGE_MM, ReferenceKind
from .scan_model import ScanModel
from .segments import Artery
from .stenosis import Estimate, Narrowing
from .vessel_result import VesselResult
from .vessels import Stretch

DIAMETER_STENOSIS = Code("408715008", "SCT", "Lumen Diameter Stenosis")
AREA_STENOSIS = Code("408714007", "SCT", "Lumen Area Stenosis")
LUMEN_DIAMETER = Code("397413000", "SCT", "Vessel lumen diameter")
LUMEN_AREA = Code("397415007", "SCT", "Vessel lumen cross-sectional area")
LESION_LENGTH = Code("408716009", "SCT", "Stenotic lesion length")
REMODELLING = Code("122345", "DCM", "Remodeling Index")
PLAQUE_BURDEN = Code("122354", "DCM", "Plaque Burden")
PLAQUE_VOLUME = Code("122376", "DCM", "Total Plaque Volume")
LUMEN_VOLUME = Code("122372", "DCM", "Lumen Volume")
CALCIUM_ARC = Code("122355", "DCM", "Arc of Calcium")
CALCIUM_VOLUME = Code("122660", "DCM", "Calcium Volume")
CALCIUM_MASS = Code("122661", "DCM", "Calcium Mass")
CALCIUM_SCORE = Code("450360000", "SCT", "Coronary artery calcium score")

HOUNSFIELD = "[hnsf'U]"
_BINS = {"necrotic core": "necrotic_core_volume", "fibro-fatty": "fibro_fatty_volume", "fibrous": "fibrous_volume"}
_WALLS = "between the fitted lumen and the vessel's own normal wall"
_BIN = "share of the non-calcified plaque by HU; no interval known"


def lesion_measurements(one: VesselResult, number: int) -> tuple[Measurement, ...]:
    """Return the numbers of one lesion: stenosis against each reference, lumen, length, distance, plaque, remodelling."""
    assert one.measured is not None
    lesion, plaque = one.lesions[number], one.lesion_plaques[number]
    place = _point(one.measured, lesion.narrowest)
    arcs = one.measured.calcium_arc_deg[lesion.first : lesion.last + 1]
    hardest = place if not arcs.any() else _point(one.measured, lesion.first + int(arcs.argmax()))
    found = [number for narrowing in lesion.narrowings for number in _narrowing(narrowing, place)]
    found += [
        _estimated("minimum_lumen_diameter", lesion.mld_mm, "mm", "circle of the least area", LUMEN_DIAMETER, place),
        _estimated("minimum_lumen_area", lesion.mla_mm2, "mm2", "fitted lumen", LUMEN_AREA, place),
        _ranged_mm(
            "lesion_length", lesion.length_mm, lesion.length_range_mm, "where narrowed or thickened", LESION_LENGTH, place
        ),
        _ranged_mm("distance_from_ostium", lesion.distance_mm, lesion.distance_range_mm, "along the centreline", None, place),
        Measurement(
            "calcium_arc", lesion.calcium_arc_deg, "deg", method="widest in the lesion, in steps of 15; no interval known",
            code=CALCIUM_ARC, evidence=hardest,
        ),
    ]  # fmt: skip
    return _marked(one.drawn_lesion(lesion), (*found, *_plaque(plaque, place)))


def _marked(drawn: bool, found: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
    """Mark what rests on walls that a reader drew; calcium is found without them."""
    return tuple(replace(item, by_reader=drawn and item.name != "calcium_arc") for item in found)


def _narrowing(narrowing: Narrowing, place: Evidence) -> list[Measurement]:
    kind = narrowing.reference.value
    against = "robust taper of the vessel" if narrowing.reference is ReferenceKind.TAPER else "plaque-free stretches beside it"
    return [
        _estimated(
            f"diameter_stenosis_{kind}",
            narrowing.diameter_stenosis_percent,
            "%",
            f"against the {against}",
            DIAMETER_STENOSIS,
            place,
        ),
        _estimated(f"area_stenosis_{kind}", narrowing.area_stenosis_percent, "%", f"against the {against}", AREA_STENOSIS, place),
        _estimated(f"reference_diameter_{kind}", narrowing.reference_mm, "mm", against, LUMEN_DIAMETER, place),
    ]


def _plaque(plaque: LesionPlaque, place: Evidence) -> list[Measurement]:
    found = list(volume_measurements(plaque.volumes, place))
    found.append(
        Measurement(
            "plaque_burden_at_narrowest", plaque.burden_at_narrowest_percent, "%",
            method="share of the vessel's area outside the lumen; no interval known", code=PLAQUE_BURDEN, evidence=place,
        )
    )  # fmt: skip
    if plaque.remodelling is None:
        found.append(not_measured("remodelling_index", "1", "no plaque-free stretch within 20 mm to compare with"))
    else:
        found.append(
            _estimated(
                "remodelling_index", plaque.remodelling.index, "1", "outer diameter over that of plaque-free stretches beside it",
                REMODELLING, place,
            )
        )  # fmt: skip
    return found


def volume_measurements(volumes: PlaqueVolumes, place: Evidence) -> tuple[Measurement, ...]:
    """Return plaque volumes of a lesion or vessel, mm3, and its percent atheroma volume."""
    parts = [
        ("plaque_volume", "total", "mm3", _WALLS, PLAQUE_VOLUME),
        ("calcified_plaque_volume", "calcified", "mm3", "brightness summed over that of solid calcium", CALCIUM_VOLUME),
        ("non_calcified_plaque_volume", "non_calcified", "mm3", _WALLS, None),
        ("low_attenuation_plaque_volume", "low_attenuation", "mm3", "under 30 HU, and dark cores by their darkness", None),
        ("percent_atheroma_volume", "burden_percent", "%", "plaque over vessel volume", PLAQUE_BURDEN),
    ]
    found = [_ranged(volumes, *part, place) for part in parts]
    bins = [Measurement(_BINS[name], value, "mm3", method=_BIN, code=None, evidence=place) for name, value in volumes.by_bin]
    lumen = Measurement(
        "lumen_volume", volumes.lumen, "mm3", method="fitted lumen; no interval known", code=LUMEN_VOLUME, evidence=place
    )
    return (*found, *bins, lumen)


def _ranged(
    volumes: PlaqueVolumes, name: str, field: str, unit: str, method: str, code: Code | None, place: Evidence
) -> Measurement:
    """Return one number of a plaque with its interval, where one is known."""
    range_ = volumes.estimate(field)
    if range_ is None:
        value = float(getattr(volumes, field))
        return Measurement(name, value, unit, method=f"{method}; no interval known", code=code, evidence=place)
    return _estimated(name, range_, unit, method, code, place)


def segment_measurements(one: VesselResult, part: Stretch) -> tuple[Measurement, ...]:
    """Return the numbers of one segment: length, healthy diameter, least lumen."""
    length = Measurement(
        "length", part.to_mm - part.from_mm, "mm", method="along the centreline, between the segment's borders; no interval known"
    )
    if one.measured is None:
        reason = one.reason or "not measured"
        return (length, not_measured("reference_diameter", "mm", reason), not_measured("minimum_lumen_area", "mm2", reason))
    walls = one.measured.walls
    inside = (walls.arc_mm >= part.from_mm) & (walls.arc_mm <= part.to_mm) & one.measured.visible
    sure = inside & (walls.arc_mm >= EDGE_MM) & (walls.arc_mm <= walls.arc_mm[-1] - EDGE_MM)
    inside = sure if sure.any() else inside
    healthy = one.healthy_mm(part)
    if not inside.any() or healthy is None:
        reason = "outside the scan"
        return (length, not_measured("reference_diameter", "mm", reason), not_measured("minimum_lumen_area", "mm2", reason))
    middle = _point(one.measured, int(np.flatnonzero(inside)[len(np.flatnonzero(inside)) // 2]))
    median = Measurement(
        "reference_diameter", healthy, "mm", method="median of the healthy taper; no interval known", code=LUMEN_DIAMETER,
        evidence=middle,
    )  # fmt: skip
    return (length, *_marked(one.drawn_stretch(part), (median, *_least_lumen(one, one.measured, inside))))


def _least_lumen(one: VesselResult, measured: Measured, inside: NDArray[np.bool_]) -> tuple[Measurement, Measurement]:
    """Return the least lumen of some sections and where it lies; in a lesion that which the lesion has."""
    walls = measured.walls
    least = int(np.flatnonzero(inside)[walls.lumen_area_mm2[inside].argmin()])
    lesion = next((lesion for lesion in one.lesions if lesion.first <= least <= lesion.last and inside[lesion.narrowest]), None)
    least = least if lesion is None else lesion.narrowest
    place, name = _point(measured, least), "minimum_lumen_area"
    if lesion is None:
        value, method = float(walls.lumen_area_mm2[least]), "least of its sections; no interval known"
        area = Measurement(name, value, "mm2", method=method, code=LUMEN_AREA, evidence=place)
    else:
        area = _estimated(name, lesion.mla_mm2, "mm2", "fitted lumen", LUMEN_AREA, place)
    distance = Measurement(
        "least_lumen_distance", one.vessel.ostium_mm + float(walls.arc_mm[least]), "mm",
        method="from the ostium along the centreline; no interval known", evidence=place,
    )  # fmt: skip
    return area, distance


def scan_measurements(scan: ScanModel | None, reason: str) -> tuple[Measurement, ...]:
    """Return what the scan can resolve: enhancement, noise and sharpness, measured on the aorta."""
    if scan is None:
        return tuple(
            not_measured(name, unit, reason)
            for name, unit in (("aortic_attenuation", HOUNSFIELD), ("noise", HOUNSFIELD), ("point_spread_fwhm", "mm"))
        )
    error = 1.96 * scan.sigma_error_mm * scan.fwhm_mm / scan.sigma_mm
    return (
        Measurement("aortic_attenuation", scan.lumen_hu, HOUNSFIELD, method="median of the aorta; no interval known"),
        Measurement("noise", scan.noise_hu, HOUNSFIELD, method="standard deviation in the aorta; no interval known"),
        Measurement(
            "point_spread_fwhm", scan.fwhm_mm, "mm", (max(scan.fwhm_mm - error, 0.0), scan.fwhm_mm + error),
            f"edge of the aorta, {scan.rays} rays",
        ),
    )  # fmt: skip


def calcium_measurements(score: CalciumScore | None, reason: str) -> tuple[Measurement, ...]:
    """Return the calcium scores of the patient and of every artery, or why there are none."""
    if score is None:
        return (not_measured("agatston_score", "1", reason),)
    method = f"threshold {score.rule.threshold_hu} HU; no interval known"
    found = [Measurement("agatston_score", score.agatston(), "1", method=method, code=CALCIUM_SCORE)]
    found.append(Measurement("calcium_volume", score.volume_mm3(), "mm3", method=method, code=CALCIUM_VOLUME))
    mass = score.mass_mg()
    if mass is None:
        found.append(not_measured("calcium_mass", "mg", "the calibration factor of the scanner is not known"))
    else:
        factor, source = score.rule.calibration_mg_per_cm3_hu, score.rule.calibration_source
        said = f"calibration factor {factor:g} mg/cm3 per HU; {source}; {method}"
        found.append(Measurement("calcium_mass", mass, "mg", method=said, code=CALCIUM_MASS))
    for artery in Artery:
        name = f"agatston_score_{artery.value}"
        found.append(Measurement(name, score.agatston(artery), "1", method=method, code=CALCIUM_SCORE))
    return tuple(found)


def patient_measurements(vessels: Sequence[VesselResult], grade: CadRads) -> tuple[Measurement, ...]:
    """Return the patient's sums: involved segments and plaque volumes over all vessels measured."""
    volumes = [one.plaque for one in vessels if one.plaque is not None]
    if not volumes:
        reason = "no vessel was measured"
        return (not_measured("segment_involvement_score", "1", reason), not_measured("plaque_volume", "mm3", reason))
    found = [
        Measurement(
            "segment_involvement_score", float(grade.burden.involved_segments), "1",
            method="segments over 1.5 mm with plaque, stenosis or stent",
        )
    ]  # fmt: skip
    for name, field in (
        ("plaque_volume", "total"),
        ("calcified_plaque_volume", "calcified"),
        ("low_attenuation_plaque_volume", "low_attenuation"),
    ):
        value, ranges = float(sum(getattr(one, field) for one in volumes)), [one.estimate(field) for one in volumes]
        known = [one for one in ranges if one is not None]
        method = f"sum over {len(volumes)} vessels"
        if len(known) < len(volumes):
            found.append(Measurement(name, value, "mm3", method=f"{method}; no interval known"))
            continue
        # one fit, one sharpness: the errors of vessels go together
        interval = (sum(one.low for one in known), sum(one.high for one in known))
        found.append(Measurement(name, value, "mm3", interval, method))
    return tuple(found)


def _estimated(name: str, value: Estimate, unit: str, method: str, code: Code | None, place: Evidence) -> Measurement:
    return Measurement(name, value.value, unit, (value.low, value.high), method, code=code, evidence=place)


def _ranged_mm(
    name: str, value: float, range_mm: tuple[float, float] | None, method: str, code: Code | None, place: Evidence
) -> Measurement:
    """Return a length of a lesion; results of the first versions have no interval of it."""
    method = method if range_mm is not None else f"{method}; no interval known"
    return Measurement(name, value, "mm", range_mm, method, code=code, evidence=place)


def _point(measured: Measured, section: int) -> Evidence:
    x, y, z = (float(value) for value in measured.walls.points_lps_mm[section])
    return Evidence((x, y, z))
