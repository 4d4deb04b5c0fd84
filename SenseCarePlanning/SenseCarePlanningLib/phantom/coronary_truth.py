"""What is true of a digital coronary patient, point by point, and its lossless file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..geometry import FloatArray
from ..plain_data import from_plain, to_plain
from .coronary_guides import SEGMENT_NAMES
from .coronary_lesions import Composition, Lesion
from .coronary_sections import Sections, Tissue, tissue_volumes_mm3
from .coronary_tree import IntArray

POSITIVE_REMODELLING = 1.1
"""From this outer diameter on, against the healthy one, remodelling is positive (Cury 2022, doi:10.1016/j.jcct.2022.07.002)."""


@dataclass(frozen=True, eq=False)
class ArteryTruth:
    """One artery, from its start outward; all arrays have N points about 0.25 mm apart.

    Parameters
    ----------
    name, parent, parent_index
        Which artery it leaves, and at which point of it.
    points_lps_mm
        (N, 3) centre of gravity of the lumen (through an occlusion: the middle of the vessel).
    vessel_lps_mm
        (N, 3) middle of the outer wall.
    lumen_radius_mm, lumen_area_mm2, outer_radius_mm
        Of the artery as it is; every section is a circle.
    reference_radius_mm, reference_outer_radius_mm
        Of the artery if it were healthy.
    stenosis_percent
        Diameter stenosis against the reference.
    lesion
        Number of the lesion here, 0 where the artery is healthy.
    segment
        SCCT number, 0 without one.
    """

    name: str
    parent: str | None
    parent_index: int
    points_lps_mm: FloatArray
    vessel_lps_mm: FloatArray
    lumen_radius_mm: FloatArray
    lumen_area_mm2: FloatArray
    outer_radius_mm: FloatArray
    reference_radius_mm: FloatArray
    reference_outer_radius_mm: FloatArray
    stenosis_percent: FloatArray
    lesion: IntArray
    segment: IntArray

    def __post_init__(self) -> None:
        for name in ("lesion", "segment"):  # JSON has one kind of number
            object.__setattr__(self, name, np.asarray(getattr(self, name)).astype(int))


@dataclass(frozen=True)
class LesionTruth:
    """One lesion.

    Parameters
    ----------
    number, artery, segment, composition
        What and where; the segment is that of the tightest point.
    start_mm, end_mm, ostium_distance_mm
        Along the artery, and from the aorta to the tightest point.
    stenosis_percent, area_stenosis_percent
        The greatest within the lesion.
    minimal_diameter_mm, minimal_area_mm2
        The smallest within the lesion; where the artery tapers, a little beyond the point of the greatest stenosis.
    remodelling_index
        Outer diameter at the point of the greatest stenosis over the healthy one.
    volumes_mm3
        By tissue: ``plaque`` (without calcium and lipid core), ``lipid``, ``calcium``, ``stent``, ``lumen``; ``wall`` is normal.
    calcium_hu, plaque_hu, core_hu
        At 120 kVp.
    calcium_arc_deg
        None without calcium in an arc.
    eccentric, positive_remodelling, low_attenuation, spotty_calcium, napkin_ring
        Features as drawn.
    """

    number: int
    artery: str
    segment: int
    composition: Composition
    start_mm: float
    end_mm: float
    ostium_distance_mm: float
    stenosis_percent: float
    area_stenosis_percent: float
    minimal_diameter_mm: float
    minimal_area_mm2: float
    remodelling_index: float
    volumes_mm3: dict[str, float]
    calcium_hu: float | None
    plaque_hu: float
    core_hu: float | None
    calcium_arc_deg: float | None
    eccentric: bool
    positive_remodelling: bool
    low_attenuation: bool
    spotty_calcium: bool
    napkin_ring: bool


@dataclass(frozen=True)
class CoronaryTruth:
    """All of it; LPS mm.

    Parameters
    ----------
    dominance
        ``right``, ``left`` or ``balanced``.
    segments
        SCCT numbers that exist here, with their names.
    calcium_volume_mm3
        By artery of the calcium score: ``LM``, ``LAD``, ``LCX``, ``RCA``; branches count with the artery they come from.
    """

    dominance: str
    segments: dict[int, str]
    arteries: tuple[ArteryTruth, ...]
    lesions: tuple[LesionTruth, ...]
    calcium_volume_mm3: dict[str, float]


def truth_of(arteries: list[Sections], lesions: list[Lesion], dominance: str) -> CoronaryTruth:
    """Return what is true of arteries with their lesions."""
    by_name = {item.artery.name: item for item in arteries}
    found = tuple(_lesion(number, item, by_name[item.artery]) for number, item in enumerate(lesions, start=1))
    present = sorted({int(value) for item in arteries for value in item.artery.segment} - {0})
    calcium = dict.fromkeys(("LM", "LAD", "LCX", "RCA"), 0.0)
    for lesion in found:
        calcium[_trunk(lesion.artery, by_name)] += lesion.volumes_mm3["calcium"]
    return CoronaryTruth(
        dominance,
        {number: SEGMENT_NAMES[number] for number in present},
        tuple(_artery(item, lesions) for item in arteries),
        found,
        calcium,
    )


def _trunk(name: str, by_name: dict[str, Sections]) -> str:
    """Return the artery of the calcium score that a branch counts with; the ramus counts with the circumflex."""
    while name not in ("LM", "LAD", "LCX", "RCA"):
        name = "LCX" if name == "RI" else str(by_name[name].artery.parent)
    return name


def _artery(item: Sections, lesions: list[Lesion]) -> ArteryTruth:
    artery, arc = item.artery, item.artery.arc_mm
    number = np.zeros(len(arc), dtype=int)
    for at, lesion in enumerate(lesions, start=1):
        if lesion.artery == artery.name:
            number[np.abs(arc - lesion.centre_mm) < 0.5 * lesion.length_mm] = at
    return ArteryTruth(
        name=artery.name,
        parent=artery.parent,
        parent_index=artery.parent_index,
        points_lps_mm=item.lumen_lps_mm,
        vessel_lps_mm=artery.points_lps_mm,
        lumen_radius_mm=item.lumen_mm,
        lumen_area_mm2=np.pi * item.lumen_mm**2,
        outer_radius_mm=item.outer_mm,
        reference_radius_mm=artery.lumen_mm,
        reference_outer_radius_mm=artery.outer_mm,
        stenosis_percent=item.stenosis_percent,
        lesion=number,
        segment=artery.segment,
    )


def _lesion(number: int, lesion: Lesion, item: Sections) -> LesionTruth:
    artery, arc, spec = item.artery, item.artery.arc_mm, lesion.spec
    rows = np.flatnonzero(np.abs(arc - lesion.centre_mm) <= 0.5 * lesion.length_mm)
    middle = int(np.argmin(np.abs(arc - lesion.centre_mm)))
    at = middle if spec.percent == 0.0 else int(rows[np.argmax(np.round(item.stenosis_percent[rows], 9))])
    volumes = tissue_volumes_mm3(item, lesion)
    ratio = float(item.outer_mm[at] / artery.outer_mm[at])
    percent = float(item.stenosis_percent[at])
    kind = spec.composition
    core = kind in (Composition.LIPID, Composition.NAPKIN_RING)
    calcified = volumes[Tissue.CALCIUM] > 0.0
    return LesionTruth(
        number=number,
        artery=artery.name,
        segment=int(artery.segment[at]),
        composition=kind,
        start_mm=lesion.centre_mm - 0.5 * lesion.length_mm,
        end_mm=lesion.centre_mm + 0.5 * lesion.length_mm,
        ostium_distance_mm=float(arc[at]) + item.ostium_mm,
        stenosis_percent=percent,
        area_stenosis_percent=100.0 * (1.0 - (1.0 - percent / 100.0) ** 2),
        minimal_diameter_mm=2.0 * float(item.lumen_mm[rows].min()),
        minimal_area_mm2=float(np.pi * item.lumen_mm[rows].min() ** 2),
        remodelling_index=ratio,
        volumes_mm3={kind_.name.lower(): volumes[kind_] for kind_ in Tissue if kind_ is not Tissue.NONE},
        calcium_hu=lesion.calcium_hu if calcified else None,
        plaque_hu=lesion.plaque_hu,
        core_hu=lesion.core_hu if core else None,
        calcium_arc_deg=lesion.calcium_arc_deg if kind in (Composition.CALCIFIED, Composition.MIXED) else None,
        eccentric=spec.eccentric,
        positive_remodelling=ratio >= POSITIVE_REMODELLING - 1e-9,
        low_attenuation=core or (kind in (Composition.SOFT, Composition.SPOTTY, Composition.MIXED) and lesion.plaque_hu < 30.0),
        spotty_calcium=kind is Composition.SPOTTY and calcified,
        napkin_ring=kind is Composition.NAPKIN_RING,
    )


def save_truth(truth: CoronaryTruth, path: Path) -> None:
    """Write the truth as JSON, every number in full."""
    path.write_text(json.dumps(to_plain(truth), ensure_ascii=False) + "\n", encoding="utf-8")


def load_truth(path: Path) -> CoronaryTruth:
    """Read what :func:`save_truth` wrote.

    Raises
    ------
    ValueError
        When the file holds something else.
    """
    return from_plain(CoronaryTruth, json.loads(path.read_text(encoding="utf-8")))
