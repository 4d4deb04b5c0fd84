"""A chest CT around a given airway mask, with the truth that goes with it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..geometry import FloatArray
from ..volume import Grid, LabelMap, Volume
from .chest import LUNG_CENTRE_Y, ChestShape, backdrop
from .compose import Layers, Lesion, draw, parenchyma
from .fields import Float32Array, Lattice, smooth_noise
from .fit import fit_chest, fit_chest_to_lungs, fitted_lungs, lungs_of_mask, point_distance
from .masktube import MaskTube, largest_component, paint_tube, tube_from_mask, wall_thickness_mm
from .resample import block_share, label_map, labels_of_fields, nearest_labels, share_of, target_box
from .scanner import Scanner
from .tubepaint import paint_segments
from .vessels import beside, grow, inside_of, local_tangents, sample_leaves

logger = logging.getLogger(__name__)

LATTICE_STEP_MM = 2.0
LUNG_NAMES = {1: "lung_right", 2: "lung_left"}
LOBE_NAMES = {1: "RUL", 2: "RML", 3: "RLL", 4: "LUL", 5: "LLL"}
ByteArray = NDArray[np.uint8]

ARTERY_LEAVES, VEIN_LEAVES = 2600, 1700
HILUM_MM, LEAST_VESSELS_AT_LUNGS, VESSEL_SAMPLES, HALF_SHARE = 30.0, 0.5, 20000, 127
"""Given vessels belong to this patient when at least half of a sample of them lies in the lungs or so near to them
(main pulmonary arteries run about 30 mm from the lungs' inner sides); shares run from 0 to 255."""
VENOUS_HILA = ((-30.0, 6.0, -34.0), (-30.0, 10.0, -52.0), (32.0, 6.0, -34.0), (32.0, 12.0, -50.0))
"""Where the four pulmonary veins leave the lungs, in the chest template (mm from the carina)."""


@dataclass(frozen=True, eq=False)
class SimulatedCT:
    """A CT and what is true in it, all on one grid.

    Parameters
    ----------
    volume
        int16 HU.
    airway_truth
        Lumen: voxels more than half air of the tree, and the thinner ones that keep it connected.
    lungs_truth
        1 right, 2 left; bronchi and vessels inside the lungs included.
    vessels_truth, lobes_truth, nodule_truth
        None where the patient has none.
    walls_truth
        Bronchial wall, or None.
    """

    volume: Volume
    airway_truth: LabelMap
    lungs_truth: LabelMap
    vessels_truth: LabelMap | None = None
    lobes_truth: LabelMap | None = None
    nodule_truth: LabelMap | None = None
    walls_truth: LabelMap | None = None


def simulate_ct(
    airway: LabelMap,
    *,
    scanner: Scanner | None = None,
    vessels: LabelMap | None = None,
    lobes: LabelMap | None = None,
    nodule: LabelMap | None = None,
    lungs: LabelMap | None = None,
    seed: int = 0,
) -> SimulatedCT:
    """Simulate a chest CT around a given airway.

    Parameters
    ----------
    airway
        The lumen (any value above 0), on any grid: oblique, anisotropic or left-handed. Its largest 26-connected component
        is used. Loops stay as they are.
    scanner
        0.7 mm cubic voxels and 25 HU of noise by default. The CT itself is axial.
    vessels, nodule, lungs
        Masks on any grid. Without vessels, arteries are drawn beside the bronchi and veins between them; without lungs, they
        are the union of the lobes or a template fitted to the tree.
    lobes
        1 to 5: RUL, RML, RLL, LUL, LLL.
    seed
        The same seed gives the same CT.

    Returns
    -------
    SimulatedCT

    Raises
    ------
    InputError
        When the airway mask, or another mask that was given, is empty; when the vessels are those of another patient.
    """
    started = time.perf_counter()
    scanner = scanner or Scanner()
    for name, given in (("vessel", vessels), ("lobe", lobes), ("nodule", nodule), ("lung", lungs)):
        if given is not None and not given.mask().any():
            raise InputError(f"The {name} mask is empty: leave it out or give one with voxels.")
    tube = tube_from_mask(airway)
    chest = _chest_around(tube, lungs if lungs is not None else lobes)
    grid = scanner.grid_over(chest.lower_lps_mm, chest.upper_lps_mm)
    fine = scanner.fine_grid(grid)
    lumen, outer = paint_tube(tube, airway, fine)
    share = _given_vessels(vessels, chest, fine) if vessels is not None else _procedural_vessels(tube, chest, fine, seed)
    layers = _layers(chest, lumen, outer, share, () if nodule is None else (_lesion_of(nodule, fine),), seed)
    factors = scanner.factors_ijk[::-1]
    airway_truth = _airway_truth(block_share(lumen, factors), tube, grid)
    walls = (block_share(outer, factors) > 127) & (airway_truth == 0)
    found = SimulatedCT(
        volume=scanner.acquire(draw(layers, fine), grid, seed),
        airway_truth=label_map(airway_truth, grid, {1: "airway"}),
        lungs_truth=label_map(labels_of_fields(chest.lattice, {1: chest.right_mm, 2: chest.left_mm}, grid), grid, LUNG_NAMES),
        vessels_truth=label_map(block_share(share, factors) > 127, grid, {1: "vessels"}),
        lobes_truth=_on_grid(lobes, grid, LOBE_NAMES),
        nodule_truth=_on_grid(nodule, grid, {1: "nodule"}),
        walls_truth=label_map(walls, grid, {1: "airway_wall"}),
    )
    logger.info("simulated a CT of %s voxels in %.1f s", grid.shape_kji, time.perf_counter() - started)
    return found


@dataclass(frozen=True, eq=False)
class _Chest:
    """The body that an airway is put into: its shape, signed distances to the lungs on a coarse lattice, the scan's box."""

    shape: ChestShape
    lattice: Lattice
    right_mm: Float32Array
    left_mm: Float32Array
    lower_lps_mm: FloatArray
    upper_lps_mm: FloatArray

    @property
    def lungs_mm(self) -> Float32Array:
        """Signed distance to either lung."""
        return np.minimum(self.right_mm, self.left_mm)


def _chest_around(tube: MaskTube, lungs: LabelMap | None) -> _Chest:
    """Fit a chest to the tree, or to the lungs where they are given."""
    shape = fit_chest(tube) if lungs is None else fit_chest_to_lungs(tube, lungs)
    lower, upper = _bounds(shape, tube, lungs)
    lattice = Lattice.over(lower, upper, LATTICE_STEP_MM)
    right, left = fitted_lungs(lattice, shape, tube) if lungs is None else lungs_of_mask(lattice, shape, lungs)
    return _Chest(shape, lattice, right, left, lower, upper)


def _layers(
    chest: _Chest, lumen: ByteArray, outer: ByteArray, vessels: ByteArray, lesions: tuple[Lesion, ...], seed: int
) -> Layers:
    """Put body, lung, airway, vessels and lesions on top of each other."""
    rng = np.random.default_rng([seed, 1])
    texture = (smooth_noise(chest.lattice, 9.0, rng), smooth_noise(chest.lattice, 1.6, rng))
    return Layers(
        lattice=chest.lattice,
        backdrop_hu=backdrop(chest.lattice, chest.shape, chest.lungs_mm, rng).intensity_hu,
        parenchyma_hu=parenchyma(chest.lattice, -862.0, 0.28, chest.shape.carina_lps_mm[1] + LUNG_CENTRE_Y, texture),
        lung_distance_mm=chest.lungs_mm,
        lumen=lumen,
        outer=outer,
        vessels=vessels,
        lesions=lesions,
    )


def _given_vessels(vessels: LabelMap, chest: _Chest, fine: Grid) -> ByteArray:
    """Return the share of each voxel that given vessels cover.

    Raises
    ------
    InputError
        When they lie elsewhere than this patient's lungs, or nothing of them is left at this voxel size.
    """
    voxels = np.argwhere(vessels.mask())
    points = vessels.grid.lps_from_kji(voxels[:: max(1, len(voxels) // VESSEL_SAMPLES)])
    in_scan = ((points >= chest.lower_lps_mm) & (points <= chest.upper_lps_mm)).all(axis=1)
    beside_lungs = float((in_scan & inside_of(chest.lattice, chest.lungs_mm, -HILUM_MM)(points)).mean())
    if beside_lungs < LEAST_VESSELS_AT_LUNGS:
        raise InputError(
            "The vessel mask does not lie around this airway: give the vessels of the same patient, in the same coordinates.",
            detail=f"{100.0 * beside_lungs:.0f} % of it lie within {HILUM_MM:g} mm of the lungs",
        )
    share = share_of(vessels, fine)
    if share.max() <= HALF_SHARE:
        raise InputError(
            "Nothing is left of the vessel mask at this voxel size: its vessels are too thin; choose a finer spacing.",
            detail=f"voxels are covered by at most {share.max() / 2.55:.0f} %",
        )
    return share


def _on_grid(labels: LabelMap | None, grid: Grid, names: dict[int, str]) -> LabelMap | None:
    """Return given labels on the CT's grid; None stays None."""
    return None if labels is None else LabelMap(nearest_labels(labels, grid), grid.affine_ijk_to_lps.copy(), names)


def _bounds(shape: ChestShape, tube: MaskTube, lungs: LabelMap | None) -> tuple[FloatArray, FloatArray]:
    """Return the box of the scan: the chest, and the whole tree up to the top of the trachea."""
    lower, upper = shape.bounds()
    points = tube.surface_lps_mm
    if lungs is not None:
        points = np.concatenate([points, lungs.grid.lps_from_kji(np.argwhere(lungs.mask()[::4, ::4, ::4]) * 4.0)])
    lower[2] = min(lower[2], float(points[:, 2].min()) - 8.0)
    upper[2] = max(float(points[:, 2].max()) + 2.0, upper[2] - 12.0)
    lower[:2] = np.minimum(lower[:2], points.min(axis=0)[:2] - 30.0)
    upper[:2] = np.maximum(upper[:2], points.max(axis=0)[:2] + 30.0)
    return lower, upper


def _lesion_of(nodule: LabelMap, fine: Grid) -> Lesion:
    share = share_of(nodule, fine)
    box = target_box(nodule, fine)
    return Lesion(box, np.asarray(share[box], dtype=np.float32) / np.float32(255.0), 35.0)


def _airway_truth(share: ByteArray, tube: MaskTube, grid: Grid) -> NDArray[np.bool_]:
    """Voxels more than half lumen, and those on the middle of thinner branches, as one component."""
    truth = share > 127
    index = np.rint(grid.kji_from_lps(tube.medial_lps_mm)).astype(int)
    inside = ((index >= 0) & (index < np.array(grid.shape_kji))).all(axis=1)
    thin = index[inside & (tube.medial_radius_mm < float(grid.spacing_ijk_mm.max()))]
    truth[tuple(thin.T)] = True
    return largest_component(truth)


def _procedural_vessels(tube: MaskTube, chest: _Chest, fine: Grid, seed: int) -> ByteArray:
    """Arteries beside the airways and on to the pleura, veins from the left atrium through what lies between."""
    rng = np.random.default_rng([seed, 2])
    shape, lattice, lungs_mm = chest.shape, chest.lattice, chest.lungs_mm
    carina = np.asarray(shape.carina_lps_mm)
    inner = tube.medial_radius_mm < 6.0
    far = np.linalg.norm(tube.medial_lps_mm - carina, axis=1) > 18.0
    points, lumen = tube.medial_lps_mm[inner & far], tube.medial_radius_mm[inner & far]
    share = np.zeros(fine.shape_kji, dtype=np.uint8)
    if len(points) == 0:
        return share
    course, radius = beside(points, local_tangents(points), lumen + wall_thickness_mm(lumen), float(carina[0]))
    inside = inside_of(lattice, lungs_mm, 1.0)
    kept = inside(course)
    course, radius = course[kept], radius[kept]
    paint_segments(share, fine, course, course + np.array([0.0, 0.0, 0.2]), radius, radius)
    leaves = sample_leaves(lattice, lungs_mm, ARTERY_LEAVES, 6.0, rng)
    if len(course):
        roots = course[:: max(1, len(course) // 1500)]
        grow(roots, np.linalg.norm(roots - carina, axis=1), leaves, inside, rng).paint(share, fine)
    away = np.maximum(lungs_mm, 5.0 - point_distance(lattice, points)).astype(np.float32)
    hila = shape.to_lps(np.array(VENOUS_HILA))
    veins = sample_leaves(lattice, away, VEIN_LEAVES, 6.5, rng)
    for side in (-1.0, 1.0):
        own = np.sign(hila[:, 0] - carina[0]) == side
        mine = veins[np.sign(veins[:, 0] - carina[0]) == side]
        grow(hila[own], np.zeros(int(own.sum())), mine, inside, rng).paint(share, fine)
    return share
