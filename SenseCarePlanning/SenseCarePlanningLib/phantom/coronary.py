"""A digital coronary patient: a heart made from a seed, whose every artery, plaque and calcification is known exactly."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, replace

import numpy as np

from ..geometry import FloatArray
from ..volume import Grid, LabelMap, Volume
from .chest import ChestShape
from .coronary_calibre import MURRAY
from .coronary_artefacts import Lead, add_streaks, make_lead, paint_lead, step_slices, stepped_points
from .coronary_guides import SEGMENT_NAMES, Dominance
from .coronary_heart import Heart, HeartPose, make_heart
from .coronary_lesions import Composition, Lesion, LesionSpec, place_lesions
from .coronary_paint import NO_SEGMENT, PaintedArteries, paint_arteries
from .coronary_scene import (
    CHAMBERS,
    VEIN_LABEL,
    WITHOUT_CONTRAST,
    Contrast,
    Surroundings,
    chamber_labels,
    draw_scene,
    make_surroundings,
)
from .coronary_sections import Look, Sections, Tissue, make_sections
from .coronary_tree import Artery, grow_arteries
from .coronary_truth import CoronaryTruth, truth_of
from .coronary_veins import Vein, grow_veins
from .resample import label_map
from .scanner import Scanner

logger = logging.getLogger(__name__)

LOWER_LPS_MM, UPPER_LPS_MM = np.array([-86.0, -122.0, -136.0]), np.array([114.0, 78.0, 8.0])
"""The scan's box: 200 mm wide about the heart, from the carina to below the diaphragmatic wall."""

FWHM = 2.0 * math.sqrt(2.0 * math.log(2.0))

HARD_LESIONS = (
    LesionSpec(6, 60.0, Composition.CALCIFIED, eccentric=True, calcium_arc_deg=150.0, calcium_hu=1100.0, length_mm=9.0),
    LesionSpec(2, 55.0, Composition.LIPID, eccentric=True, remodelling=1.2, length_mm=12.0),
    LesionSpec(13, 30.0, Composition.STENT, length_mm=14.0),
)
"""What a hard patient has when no stenosis is asked for."""


@dataclass(frozen=True)
class CoronaryOptions:
    """What the patient and the scan shall be like.

    Parameters
    ----------
    seed
        The same options give the same patient.
    stenoses
        What to place.
    dominance, ramus, absent
        None draws: 88 % right, 7 % left, 5 % balanced; a ramus in 20 %. ``absent`` names branches that do not exist.
    exponent
        Of the law at divisions: Murray's 3, or 7/3 of Huo and Kassab.
    hard
        Weak contrast, twice the noise, cardiac veins as bright as arteries beside them, a step, a pacemaker lead.
    step_mm
        How far the heart jumps between two slabs of the scan; None: 0, or 1.6 when hard.
    contrast_hu
        Of the aorta at 120 kVp; None: 430, or 270 when hard.

    Raises
    ------
    ValueError
        When a value is not in its range.
    """

    seed: int = 0
    stenoses: tuple[LesionSpec, ...] = ()
    dominance: Dominance | None = None
    ramus: bool | None = None
    absent: frozenset[str] = frozenset()
    exponent: float = MURRAY
    hard: bool = False
    step_mm: float | None = None
    contrast_hu: float | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"the seed must be 0 or more, got {self.seed}")
        if not 2.0 <= self.exponent <= 3.5:
            raise ValueError(f"the exponent must be 2 to 3.5, got {self.exponent}")
        if self.step_mm is not None and not 0.0 <= self.step_mm <= 6.0:
            raise ValueError(f"the step must be 0 to 6 mm, got {self.step_mm}")
        if self.contrast_hu is not None and not 120.0 <= self.contrast_hu <= 900.0:
            raise ValueError(f"the contrast must be 120 to 900 HU, got {self.contrast_hu}")


def coronary_scanner(
    pixels: int = 512, slice_mm: float = 0.45, noise_hu: float = 22.0, psf_fwhm_mm: float = 0.7, **more: float | str
) -> Scanner:
    """Return a cardiac CT: a 200 mm field of view, slices ``slice_mm`` apart, the point spread given as full width."""
    sigma = psf_fwhm_mm / FWHM
    spacing = (200.0 / pixels, 200.0 / pixels, slice_mm)
    settings = Scanner(spacing, noise_hu, sigma, sigma, contrast=True)
    return replace(settings, **more)  # type: ignore[arg-type]


CALCIUM_SCANNER = Scanner((0.5, 0.5, 3.0), 18.0, 0.45, 1.0)
"""The calcium score's scan: 3 mm slices at 120 kVp without contrast (Agatston 1990, doi:10.1016/0735-1097(90)90282-T)."""


@dataclass(frozen=True, eq=False)
class CoronaryPatient:
    """A digital patient before any scan; lengths in mm, LPS, exact."""

    options: CoronaryOptions
    dominance: Dominance
    heart: Heart
    surroundings: Surroundings
    arteries: tuple[Artery, ...]
    sections: tuple[Sections, ...]
    lesions: tuple[Lesion, ...]
    veins: tuple[Vein, ...]
    lead: Lead | None

    @property
    def truth(self) -> CoronaryTruth:
        """What is true of the patient's arteries."""
        return truth_of(list(self.sections), list(self.lesions), self.dominance.value)


def make_coronary_patient(options: CoronaryOptions | None = None) -> CoronaryPatient:
    """Make a digital patient.

    Raises
    ------
    ValueError
        When a stenosis is asked for in a segment that this heart lacks.
    """
    options = options or CoronaryOptions()
    started = time.perf_counter()
    rng = np.random.default_rng([options.seed, 31])
    draws = rng.uniform(size=2)
    dominance = options.dominance or (
        Dominance.RIGHT if draws[0] < 0.88 else Dominance.LEFT if draws[0] < 0.95 else Dominance.BALANCED
    )
    ramus = bool(draws[1] < 0.2) if options.ramus is None else options.ramus
    heart = make_heart(_pose(rng), LOWER_LPS_MM, UPPER_LPS_MM)
    arteries = grow_arteries(heart, dominance, ramus, options.absent, options.exponent, rng)
    specs = options.stenoses or (HARD_LESIONS if options.hard else ())
    lesions = place_lesions(specs, arteries, rng)
    ostium = _ostium_distances(arteries)
    patient = CoronaryPatient(
        options=options,
        dominance=dominance,
        heart=heart,
        surroundings=make_surroundings(heart, ChestShape(), LOWER_LPS_MM, UPPER_LPS_MM, np.random.default_rng([options.seed, 32])),
        arteries=tuple(arteries),
        sections=tuple(make_sections(artery, lesions, ostium[artery.name]) for artery in arteries),
        lesions=tuple(lesions),
        veins=tuple(grow_veins(heart, arteries)),
        lead=make_lead(heart) if options.hard else None,
    )
    logger.info("made a heart with %d arteries in %.1f s", len(arteries), time.perf_counter() - started)
    return patient


def _pose(rng: np.random.Generator) -> HeartPose:
    """Size and turn of one heart: 94 to 104 %, a few degrees about each axis."""
    angles = np.radians(np.clip(rng.normal(0.0, 3.0, 3), -6.0, 6.0))
    rotation = np.eye(3)
    for axis, angle in enumerate(angles):
        one, two = (n for n in range(3) if n != axis)
        turn = np.eye(3)
        turn[one, one] = turn[two, two] = math.cos(angle)
        turn[one, two], turn[two, one] = -math.sin(angle), math.sin(angle)
        rotation = turn @ rotation
    scale = float(np.clip(rng.normal(0.99, 0.025), 0.94, 1.04))
    return HeartPose(scale, tuple(tuple(float(value) for value in row) for row in rotation))


def _ostium_distances(arteries: list[Artery]) -> dict[str, float]:
    """Return the length of artery between the aorta and each artery's start."""
    found: dict[str, float] = {}
    by_name = {artery.name: artery for artery in arteries}
    for artery in arteries:
        above = by_name.get(artery.parent or "")
        found[artery.name] = 0.0 if above is None else found[above.name] + float(above.arc_mm[artery.parent_index])
    return found


def iodine_factor(kvp: float) -> float:
    """Return the enhancement by iodine against 120 kVp: 1.9 at 70 kVp (Eur Radiol Exp 2020, doi:10.1186/s41747-020-00184-z), a
    power of the voltage between, which gives 1.24 at 100 and 1.62 at 80."""
    return float((120.0 / kvp) ** (math.log(1.9) / math.log(120.0 / 70.0)))


def calcium_factor(kvp: float) -> float:
    """Return the attenuation of calcium against 120 kVp: 207/130 at 70 to 119/130 at 135, the Agatston thresholds of Graeni 2018
    (doi:10.1007/s00330-018-5481-9)."""
    return float(np.interp(kvp, [70.0, 80.0, 100.0, 120.0, 135.0], np.array([207.0, 177.0, 145.0, 130.0, 119.0]) / 130.0))


@dataclass(frozen=True, eq=False)
class CoronaryScan:
    """One scan and what is true in it, on one grid.

    Parameters
    ----------
    volume
        int16 HU.
    tissue
        1 lumen, 2 wall, 3 plaque, 4 lipid core, 5 calcium, 6 stent; 11 to 18 chambers, great vessels, cardiac veins.
    segments
        SCCT number of the lumen's voxels; 19 where the branch has none.
    truth
        Point by point; with a step in the scan, where the scan shows it.
    """

    volume: Volume
    tissue: LabelMap
    segments: LabelMap
    truth: CoronaryTruth


TISSUE_LABELS = {
    Tissue.LUMEN: 1,
    Tissue.WALL: 2,
    Tissue.PLAQUE: 3,
    Tissue.LIPID: 4,
    Tissue.CALCIUM: 5,
    Tissue.STENT: 6,
}
TISSUE_NAMES = {1: "lumen", 2: "wall", 3: "plaque", 4: "lipid_core", 5: "calcium", 6: "stent"}
OTHER_LABEL = 19


def scan_coronary(patient: CoronaryPatient, scanner: Scanner | None = None, box_lps_mm: FloatArray | None = None) -> CoronaryScan:
    """Scan a patient with contrast.

    Parameters
    ----------
    scanner
        :func:`coronary_scanner` by default; a hard patient doubles its noise.
    box_lps_mm
        (2, 3) corners of a smaller box, for tests and training.
    """
    started = time.perf_counter()
    options = patient.options
    scanner = scanner or coronary_scanner()
    if options.hard:
        scanner = replace(scanner, noise_hu=2.0 * scanner.noise_hu)
    grid = _grid(scanner, box_lps_mm)
    fine = scanner.fine_grid(grid)
    contrast, look = _appearance(options, scanner.kvp)
    image = draw_scene(fine, patient.heart, patient.surroundings, contrast, list(patient.arteries), list(patient.veins))
    painted = paint_arteries(image, fine, list(patient.sections), look)
    if patient.lead is not None:
        paint_lead(image, fine, patient.lead)
    tissue, segments = _labels(patient, painted, fine)
    truth = patient.truth
    step = (1.6 if options.hard else 0.0) if options.step_mm is None else options.step_mm
    if step > 0.0:
        step_slices(image, fine, patient.heart, step)
        step_slices(tissue, fine, patient.heart, step)
        step_slices(segments, fine, patient.heart, step)
        truth = _stepped(truth, step)
    if patient.lead is not None:
        add_streaks(image, fine, patient.lead, np.random.default_rng([options.seed, 33]))
    factors = scanner.factors_ijk[::-1]
    volume = scanner.acquire(image, grid, options.seed)
    middle = tuple(slice(factor // 2, None, factor) for factor in factors)
    names = {label: name for label, name, _ in CHAMBERS} | {VEIN_LABEL: "cardiac_vein"} | TISSUE_NAMES
    logger.info("scanned %s voxels in %.1f s", grid.shape_kji, time.perf_counter() - started)
    return CoronaryScan(
        volume,
        label_map(tissue[middle], grid, names),
        label_map(segments[middle], grid, SEGMENT_NAMES | {OTHER_LABEL: "other"}),
        truth,
    )


def scan_calcium(patient: CoronaryPatient, scanner: Scanner | None = None, box_lps_mm: FloatArray | None = None) -> Volume:
    """Scan the same patient without contrast, for the calcium score."""
    scanner = scanner or CALCIUM_SCANNER
    grid = _grid(scanner, box_lps_mm)
    fine = scanner.fine_grid(grid)
    image = draw_scene(
        fine, patient.heart, patient.surroundings, WITHOUT_CONTRAST, list(patient.arteries), list(patient.veins)
    )
    look = Look(42.0, 0.0, 40.0, -8.0, calcium_factor(scanner.kvp))
    paint_arteries(image, fine, list(patient.sections), look)
    return scanner.acquire(image, grid, patient.options.seed + 1)


def _grid(scanner: Scanner, box_lps_mm: FloatArray | None) -> Grid:
    if box_lps_mm is None:
        return scanner.grid_over(LOWER_LPS_MM, UPPER_LPS_MM)
    return scanner.grid_over(box_lps_mm[0], box_lps_mm[1])


def _appearance(options: CoronaryOptions, kvp: float) -> tuple[Contrast, Look]:
    """Attenuation of this patient at a tube voltage: iodine and calcium brighten as it falls."""
    aorta = (270.0 if options.hard else 430.0) if options.contrast_hu is None else options.contrast_hu
    plain = WITHOUT_CONTRAST
    usual = Contrast()
    share = iodine_factor(kvp) * (aorta - plain.aorta) / (usual.aorta - plain.aorta)

    def pool(name: str) -> float:
        base = float(getattr(plain, name))
        return base + share * (float(getattr(usual, name)) - base)

    names = ("left", "aorta", "lungs", "right", "cava", "veins", "muscle")
    values = {name: pool(name) for name in names}
    if options.hard:
        values["veins"] = 0.9 * values["aorta"]
        values["cava"] = 1.6 * values["aorta"]
    look = Look(values["aorta"] - 8.0, calcium_factor=calcium_factor(kvp))
    return Contrast(**values), look


def _labels(patient: CoronaryPatient, painted: PaintedArteries, fine: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Tissue and segment labels on the fine grid: what most of a voxel is."""
    tissue = chamber_labels(fine, patient.heart, list(patient.veins))
    best = painted.share.argmax(axis=1)
    artery = best > 0
    table = np.zeros(len(Tissue), dtype=np.uint8)
    for kind, label in TISSUE_LABELS.items():
        table[kind] = label
    tissue.reshape(-1)[painted.index[artery]] = table[best[artery]]
    segments = np.zeros(fine.shape_kji, dtype=np.uint8)
    lumen = best == Tissue.LUMEN
    number = np.where(painted.segment == NO_SEGMENT, OTHER_LABEL, painted.segment)
    segments.reshape(-1)[painted.index[lumen]] = number[lumen]
    return tissue, segments


def _stepped(truth: CoronaryTruth, step_mm: float) -> CoronaryTruth:
    """Move the truth of the lower slab with the scan."""
    arteries = tuple(
        replace(
            artery,
            points_lps_mm=stepped_points(artery.points_lps_mm, step_mm),
            vessel_lps_mm=stepped_points(artery.vessel_lps_mm, step_mm),
        )
        for artery in truth.arteries
    )
    return replace(truth, arteries=arteries)
