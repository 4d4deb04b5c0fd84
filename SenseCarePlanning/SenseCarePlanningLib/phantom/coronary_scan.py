"""Scans of a digital coronary patient: with contrast, and without for the calcium score; and what is true in them."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, replace

import numpy as np

from ..geometry import FloatArray
from ..volume import Grid, LabelMap, Volume
from .coronary import LOWER_LPS_MM, UPPER_LPS_MM, CoronaryOptions, CoronaryPatient
from .coronary_artefacts import add_streaks, paint_lead, step_slices, stepped_points
from .coronary_guides import SEGMENT_NAMES
from .coronary_paint import NO_SEGMENT, PaintedArteries, paint_arteries
from .coronary_scene import CHAMBERS, VEIN_LABEL, WITHOUT_CONTRAST, ByteArray, Contrast, chamber_labels, draw_scene
from .coronary_sections import Look, Tissue
from .coronary_truth import CoronaryTruth
from .fields import Float32Array
from .resample import label_map
from .scanner import Scanner

logger = logging.getLogger(__name__)

FWHM = 2.0 * math.sqrt(2.0 * math.log(2.0))
MOST_FWHM_MM = 10.0
"""Widest point spread that can be asked for; within the scanner's own limit."""


def coronary_scanner(pixels: int = 512, slice_mm: float = 0.45, noise_hu: float = 22.0, psf_fwhm_mm: float = 0.7) -> Scanner:
    """Return a cardiac CT: a 200 mm field of view, slices ``slice_mm`` apart, the point spread given as full width.

    Raises
    ------
    ValueError
        When a setting is not in its range; that of the point spread is said as full width, too.
    """
    if not 0.0 <= psf_fwhm_mm <= MOST_FWHM_MM:
        raise ValueError(f"the point spread must be 0 to {MOST_FWHM_MM:g} mm (full width at half maximum), got {psf_fwhm_mm:g}")
    sigma = psf_fwhm_mm / FWHM
    spacing = (200.0 / pixels, 200.0 / pixels, slice_mm)
    return Scanner(spacing, noise_hu, sigma, sigma, contrast=True)


CALCIUM_SCANNER = Scanner((0.5, 0.5, 3.0), 18.0, 0.45, 1.0)
"""The calcium score's scan: 3 mm slices at 120 kVp without contrast (Agatston 1990, doi:10.1016/0735-1097(90)90282-T)."""


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


def scan_coronary(
    patient: CoronaryPatient,
    scanner: Scanner | None = None,
    box_lps_mm: FloatArray | None = None,
    contrast: Contrast | None = None,
) -> CoronaryScan:
    """Scan a patient with contrast.

    Parameters
    ----------
    scanner
        :func:`coronary_scanner` by default; a hard patient doubles its noise.
    box_lps_mm
        (2, 3) corners of a smaller box, for tests and training.
    contrast
        Brightness of blood and muscle of another phase; by default that of the arterial phase, as the patient's options have it.
    """
    started = time.perf_counter()
    options = patient.options
    scanner = scanner or coronary_scanner()
    if options.hard:
        scanner = replace(scanner, noise_hu=2.0 * scanner.noise_hu)
    grid = _grid(scanner, box_lps_mm)
    fine = scanner.fine_grid(grid)
    usual, look = _appearance(options, scanner.kvp)
    if contrast is not None:
        look = replace(look, lumen_hu=contrast.aorta - 8.0)
    image = _scene(patient, fine, usual if contrast is None else contrast)
    painted = paint_arteries(image, fine, [*patient.sections, *patient.grafts], look)
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
    image = _scene(patient, fine, WITHOUT_CONTRAST)
    look = Look(42.0, 0.0, 40.0, -8.0, calcium_factor(scanner.kvp))
    paint_arteries(image, fine, [*patient.sections, *patient.grafts], look)
    return scanner.acquire(image, grid, patient.options.seed + 1)


def _scene(patient: CoronaryPatient, fine: Grid, contrast: Contrast) -> Float32Array:
    vessels = [*patient.arteries, *(graft.artery for graft in patient.grafts)]
    return draw_scene(fine, patient.heart, patient.surroundings, contrast, vessels, list(patient.veins))


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
        """Return the HU of a blood pool between without and usual contrast."""
        base = float(getattr(plain, name))
        return base + share * (float(getattr(usual, name)) - base)

    names = ("left", "aorta", "lungs", "right", "svc", "ivc", "veins", "muscle")
    values = {name: pool(name) for name in names}
    if options.hard:
        values["veins"] = 0.9 * values["aorta"]
        values["svc"] = 1.6 * values["aorta"]
    look = Look(values["aorta"] - 8.0, calcium_factor=calcium_factor(kvp))
    return Contrast(**values), look


def _labels(patient: CoronaryPatient, painted: PaintedArteries, fine: Grid) -> tuple[ByteArray, ByteArray]:
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
