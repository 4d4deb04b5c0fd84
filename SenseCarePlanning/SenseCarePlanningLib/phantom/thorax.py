"""A digital patient: a thorax made from a seed, whose every bronchus, lobe, vessel and nodule is known exactly."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry import FloatArray, resample_polyline
from ..tubes.tree import Tree
from ..volume import Grid, LabelMap
from .airway_names import named_bronchi
from .airway_tree import Clearance, Tube, course_tangents, grow_segments, place_named, settle_segments, to_tree
from .chest import LUNG_CENTRE_Y, ChestShape, backdrop, template_lungs, tube
from .compose import Layers, draw, parenchyma
from .defects import Defect, holes_of, lumen_pieces, make_defects
from .fields import Float32Array, Lattice, SliceReader, smooth_cut, smooth_noise
from .fit import point_distance
from .lobes import LLL, LOBE_NAMES, LUL, RLL, RML, RUL, Lobes, part_lungs, varied_fissures
from .masktube import largest_component, wall_thickness_mm
from .nodules import Nodule, NoduleSpec, lesions_of, place_nodule, sphere_share
from .resample import block_share, label_map, labels_of_fields
from .scanner import Scanner
from .simulate import LUNG_NAMES, SimulatedCT
from .tubepaint import paint_polyline
from .vessels import Vessels, beside, grow, inside_of, joined, sample_leaves

logger = logging.getLogger(__name__)

ByteArray = NDArray[np.uint8]
FEWEST_GENERATIONS, MOST_GENERATIONS = 9, 14
CLOUD_SPACING_MM = 4.0
ARTERY_LEAVES, VEIN_LEAVES = 1800, 1900
OUTSIDE_THE_LUNGS = frozenset(
    {"trachea", "trachea.lower", "RMB", "LMB", "BI", "BI.upper", "RULB", "LULB", "LLLB", "RLLB", "accessory_cardiac"}
)
VENOUS_HILA = ((-30.0, 6.0, -34.0), (-30.0, 10.0, -52.0), (32.0, 6.0, -34.0), (32.0, 12.0, -50.0))


@dataclass(frozen=True)
class ThoraxOptions:
    """What the patient shall be like.

    Parameters
    ----------
    seed
        The same options give the same patient.
    generations
        Deepest airway generation (trachea 0), 9 to 14.
    spacing_mm, noise_hu
        Of the scanner that :func:`default_scanner` makes.
    breaks, mucus_plugs, leaks
        How many airways have an invisible gap, a plug, or an emphysematous hole open to the lumen. They change the CT,
        not the truth.
    variant
        ``"tracheal_bronchus"``, ``"missing_lb7"``, ``"lb7"`` (on its own), ``"accessory_cardiac"`` or None.
    nodules
        What to place.

    Raises
    ------
    ValueError
        When a value is not in its range.
    """

    seed: int = 0
    generations: int = 10
    spacing_mm: tuple[float, float, float] | float = 0.7
    noise_hu: float = 25.0
    breaks: int = 0
    mucus_plugs: int = 0
    leaks: int = 0
    variant: str | None = None
    nodules: tuple[NoduleSpec, ...] = (NoduleSpec("RB3", 12.0),)

    def __post_init__(self) -> None:
        if not FEWEST_GENERATIONS <= self.generations <= MOST_GENERATIONS:
            raise ValueError(f"the generations must be {FEWEST_GENERATIONS} to {MOST_GENERATIONS}, got {self.generations}")
        if self.seed < 0:
            raise ValueError(f"the seed must be 0 or more, got {self.seed}")
        for name in ("breaks", "mucus_plugs", "leaks"):
            if not 0 <= getattr(self, name) <= 50:
                raise ValueError(f"{name} must be 0 to 50, got {getattr(self, name)}")
        named_bronchi(self.variant, (0, 0, 0))


def demo_options() -> ThoraxOptions:
    """Return the patient of the demonstration, also the tutorial's: 1 mm slices, an 18 mm nodule in the right lower lobe.

    The likeliest route ends in an airway too thin for any instrument; on the second, far less likely, some reach the exit.
    """
    return ThoraxOptions(seed=7, generations=9, spacing_mm=(0.9, 0.9, 1.0), noise_hu=22.0, nodules=(NoduleSpec("RB6", 18.0),))


def default_scanner(options: ThoraxOptions) -> Scanner:
    """Return the scanner that the options ask for."""
    return Scanner(spacing_mm=options.spacing_mm, noise_hu=options.noise_hu)


@dataclass(frozen=True, eq=False)
class Thorax:
    """A digital patient before any scan; lengths in mm, LPS, exact.

    Parameters
    ----------
    tree
        Labelled airway tree with the true lumen radius at every point.
    wall_mm
        Branch id -> wall thickness.
    nodules
        In the order of the options.
    arteries, veins
        As cones.
    defects
        Breaks, plugs and leaks.
    lattice, right_mm, left_mm, lobes
        Signed distances to lungs and lobes.
    """

    options: ThoraxOptions
    shape: ChestShape
    tree: Tree
    tubes: tuple[Tube, ...]
    wall_mm: dict[int, float]
    nodules: tuple[Nodule, ...]
    arteries: Vessels
    veins: Vessels
    defects: tuple[Defect, ...]
    lattice: Lattice
    right_mm: Float32Array
    left_mm: Float32Array
    lobes: Lobes


def make_thorax(options: ThoraxOptions | None = None) -> Thorax:
    """Make a digital patient.

    Raises
    ------
    InputError
        When a nodule does not fit where it was asked for.
    """
    options = options or ThoraxOptions()
    started = time.perf_counter()
    rng = np.random.default_rng([options.seed, 11])
    shape = _varied_shape(rng)
    named = place_named(options.variant, rng, shape.to_lps, float(rng.uniform(0.93, 1.07)) * shape.mean_scale)
    lattice = Lattice.over(*shape.bounds(), 2.0)
    axes = shape.template_axes(lattice)
    right, left = _lungs(lattice, shape, named)
    lobes = part_lungs(axes, right, left, varied_fissures(rng), shape.mean_scale)
    named = settle_segments(named, _depth(lattice, lobes))
    cloud, cloud_lobe = _cloud(lattice, lobes, rng)
    tubes = grow_segments(named, cloud, cloud_lobe, _depth(lattice, lobes), options.generations, rng)
    nodules: list[Nodule] = []
    for spec in options.nodules:
        here = _lobe_of_segment(tubes, spec.segment)
        points = cloud[cloud_lobe == here]
        nodules.append(place_nodule(spec, tubes, points, _depth(lattice, lobes)(points, here), rng, nodules))
    arteries, veins = _vessels(lattice, shape, tubes, np.minimum(right, left), rng)
    notes = () if options.variant is None else (f"variant: {options.variant}",)
    thorax = Thorax(
        options=options,
        shape=shape,
        tree=to_tree(tubes, notes),
        tubes=tuple(tubes),
        wall_mm={tube_.id: float(wall_thickness_mm(np.array(np.median(tube_.radius_mm)))) for tube_ in tubes},
        nodules=tuple(nodules),
        arteries=arteries,
        veins=veins,
        defects=make_defects(tubes, options.breaks, options.mucus_plugs, options.leaks, rng),
        lattice=lattice,
        right_mm=right,
        left_mm=left,
        lobes=lobes,
    )
    logger.info("made a thorax with %d airways in %.1f s", len(tubes), time.perf_counter() - started)
    return thorax


def _varied_shape(rng: np.random.Generator) -> ChestShape:
    whole = rng.uniform(0.93, 1.05)
    x, y, up, down = (float(whole * rng.uniform(0.97, 1.03)) for _ in range(4))
    return ChestShape((0.0, 0.0, 0.0), (x, y, up, down))


def _lungs(lattice: Lattice, shape: ChestShape, named: dict[str, Tube]) -> tuple[Float32Array, Float32Array]:
    """The template's lungs without the airways that lie outside them."""
    right, left = (field * np.float32(shape.mean_scale) for field in template_lungs(shape.template_axes(lattice)))
    for key in sorted(OUTSIDE_THE_LUNGS & named.keys()):
        bronchus = named[key]
        outer = bronchus.radius_mm + wall_thickness_mm(bronchus.radius_mm) + 1.5
        step = slice(None, None, 4)
        points = np.concatenate([bronchus.points_lps_mm[step], bronchus.points_lps_mm[-1:]])
        around = tube(lattice.axes(), points, np.concatenate([outer[step], outer[-1:]]))
        right, left = smooth_cut(right, around, 5.0), smooth_cut(left, around, 5.0)
    return right, left


def _cloud(lattice: Lattice, lobes: Lobes, rng: np.random.Generator) -> tuple[FloatArray, NDArray[np.int_]]:
    """Points that fill the lobes evenly, a little inside them, and the lobe of each."""
    labels = np.array(list(lobes.distance))
    stack = np.stack(list(lobes.distance.values()))
    stride = max(1, round(CLOUD_SPACING_MM / lattice.step_mm))
    sub = stack[:, ::stride, ::stride, ::stride]
    index = np.argwhere(sub.min(axis=0) < -2.0)
    which = sub[:, index[:, 0], index[:, 1], index[:, 2]].argmin(axis=0)
    jitter = rng.uniform(-0.45, 0.45, index.shape)
    return lattice.grid.lps_from_kji((index + jitter) * stride), labels[which]


def _depth(lattice: Lattice, lobes: Lobes) -> Clearance:
    """Return how deep points lie inside a lobe (nearest lattice sample)."""
    top = np.array(lattice.shape_kji) - 1

    def depth(points_lps_mm: FloatArray, lobe: int) -> FloatArray:
        """Return how deep points lie inside a lobe, mm."""
        index = np.clip(np.rint(lattice.index_of(points_lps_mm)).astype(int), 0, top)
        return -np.asarray(lobes.distance[lobe][tuple(index.T)], dtype=np.float64)

    return depth


def _lobe_of_segment(tubes: list[Tube], segment: str) -> int:
    return next((tube_.lobe for tube_ in tubes if tube_.code == segment), 1)


def _vessels(
    lattice: Lattice, shape: ChestShape, tubes: list[Tube], lungs_mm: Float32Array, rng: np.random.Generator
) -> tuple[Vessels, Vessels]:
    """Arteries beside the bronchi and on to the pleura; veins between them, from the left atrium."""
    inside = inside_of(lattice, lungs_mm, 1.0)
    beside_all = [_artery(tube_) for tube_ in tubes if tube_.generation >= 2]
    roots = np.concatenate([part.end_lps_mm[::6] for part in beside_all])
    roots = roots[inside(roots)]
    carina = np.asarray(shape.carina_lps_mm)
    leaves = sample_leaves(lattice, lungs_mm, ARTERY_LEAVES, 6.0, rng)
    twigs = grow(roots, np.linalg.norm(roots - carina, axis=1), leaves, inside, rng)
    points = np.concatenate([tube_.points_lps_mm for tube_ in tubes if tube_.generation >= 2])
    away = np.maximum(lungs_mm, np.float32(5.0) - point_distance(lattice, points)).astype(np.float32)
    hila = shape.to_lps(np.array(VENOUS_HILA))
    targets = sample_leaves(lattice, away, VEIN_LEAVES, 6.0, rng)
    veins = []
    for side in (-1.0, 1.0):
        own, mine = np.sign(hila[:, 0]) == side, np.sign(targets[:, 0] - carina[0]) == side
        veins.append(grow(hila[own], np.zeros(int(own.sum())), targets[mine], inside, rng))
    return joined([*beside_all, twigs]), joined(veins)


def _artery(airway: Tube) -> Vessels:
    """The artery beside one bronchus."""
    outer = airway.radius_mm + wall_thickness_mm(airway.radius_mm)
    course, radius = beside(airway.points_lps_mm, course_tangents(airway), outer, 0.0)
    return Vessels(
        course[:-1:2], course[np.minimum(np.arange(2, len(course) + 1, 2), len(course) - 1)], radius[:-1:2], radius[:-1:2]
    )


def scan(thorax: Thorax, scanner: Scanner | None = None) -> SimulatedCT:
    """Scan a digital patient.

    Parameters
    ----------
    scanner
        The one that the options ask for by default.

    Returns
    -------
    SimulatedCT
        ``vessels_truth`` tells arteries (1) from veins (2); ``nodule_truth`` numbers the nodules from 1.
    """
    started = time.perf_counter()
    scanner = scanner or default_scanner(thorax.options)
    grid = scanner.grid_over(*thorax.shape.bounds())
    fine = scanner.fine_grid(grid)
    factors = scanner.factors_ijk[::-1]
    rng = np.random.default_rng([thorax.options.seed, 12])
    truth = np.zeros(fine.shape_kji, dtype=np.uint8)
    outer = np.zeros(fine.shape_kji, dtype=np.uint8)
    for airway in thorax.tubes:
        points, radius = _painted_course(airway)
        paint_polyline(truth, fine, points, radius)
        paint_polyline(outer, fine, points, radius + thorax.wall_mm[airway.id])
    airway_truth = _airway_truth(block_share(truth, factors), thorax, grid)
    lumen = truth if not thorax.defects else _visible_lumen(thorax, fine)
    arteries, veins = np.zeros(fine.shape_kji, dtype=np.uint8), np.zeros(fine.shape_kji, dtype=np.uint8)
    thorax.arteries.paint(arteries, fine)
    thorax.veins.paint(veins, fine)
    vessel_labels = _vessel_labels(block_share(arteries, factors), block_share(veins, factors))
    np.maximum(arteries, veins, out=arteries)
    both = np.minimum(thorax.right_mm, thorax.left_mm)
    texture = (smooth_noise(thorax.lattice, 9.0, rng), smooth_noise(thorax.lattice, 1.6, rng))
    layers = Layers(
        lattice=thorax.lattice,
        backdrop_hu=backdrop(thorax.lattice, thorax.shape, both, rng).intensity_hu,
        parenchyma_hu=parenchyma(thorax.lattice, -862.0, 0.28, LUNG_CENTRE_Y, texture),
        lung_distance_mm=both,
        lumen=lumen,
        outer=outer,
        vessels=arteries,
        fissures=((thorax.lobes.oblique, None), (thorax.lobes.horizontal, thorax.lobes.horizontal_limit)),
        lesions=tuple(lesion for nodule in thorax.nodules for lesion in lesions_of(nodule, fine)),
        holes=holes_of(thorax.defects, fine),
    )
    volume = scanner.acquire(draw(layers, fine), grid, thorax.options.seed)
    walls = (block_share(outer, factors) > 127) & ~airway_truth
    lungs = labels_of_fields(thorax.lattice, {1: thorax.right_mm, 2: thorax.left_mm}, grid)
    logger.info("scanned %s voxels in %.1f s", grid.shape_kji, time.perf_counter() - started)
    return SimulatedCT(
        volume=volume,
        airway_truth=label_map(airway_truth, grid, {1: "airway"}),
        lungs_truth=label_map(lungs, grid, LUNG_NAMES),
        vessels_truth=label_map(vessel_labels, grid, {1: "artery", 2: "vein"}),
        lobes_truth=label_map(_lobe_labels(thorax, lungs, grid), grid, LOBE_NAMES),
        nodule_truth=_nodule_truth(thorax, grid),
        walls_truth=label_map(walls, grid, {1: "airway_wall"}),
    )


def _painted_course(airway: Tube) -> tuple[FloatArray, FloatArray]:
    """Thin the course of a wide branch: painting costs by the segment."""
    step = max(2, int(airway.radius_mm[0] / 1.5))
    keep = np.unique(np.append(np.arange(0, len(airway.radius_mm), step), len(airway.radius_mm) - 1))
    return airway.points_lps_mm[keep], airway.radius_mm[keep]


def _visible_lumen(thorax: Thorax, fine: Grid) -> ByteArray:
    lumen = np.zeros(fine.shape_kji, dtype=np.uint8)
    for airway in thorax.tubes:
        for points, radius in lumen_pieces(airway, thorax.defects):
            paint_polyline(lumen, fine, points, radius)
    return lumen


def _airway_truth(share: ByteArray, thorax: Thorax, grid: Grid) -> NDArray[np.bool_]:
    """Voxels more than half lumen, and those on the centreline of thinner branches: always one component."""
    truth = np.asarray(share > 127)
    coarse = float(grid.spacing_ijk_mm.max())
    for airway in thorax.tubes:
        if airway.radius_mm.min() < coarse:
            dense = resample_polyline(airway.points_lps_mm, 0.4 * float(grid.spacing_ijk_mm.min()))
            index = np.rint(grid.kji_from_lps(dense)).astype(int)
            valid = ((index >= 0) & (index < np.array(grid.shape_kji))).all(axis=1)
            truth[tuple(index[valid].T)] = True
    return largest_component(truth)


def _vessel_labels(arteries: ByteArray, veins: ByteArray) -> ByteArray:
    labels = np.where(arteries >= veins, 1, 2).astype(np.uint8)
    labels[np.maximum(arteries, veins) <= 127] = 0
    return labels


def _lobe_labels(thorax: Thorax, lungs: ByteArray, grid: Grid) -> ByteArray:
    """Every voxel of a lung belongs to exactly one of its lobes."""
    reader = SliceReader(thorax.lattice, grid)
    labels = np.zeros(grid.shape_kji, dtype=np.uint8)
    for k in np.flatnonzero(lungs.any(axis=(1, 2))):
        lower = reader.read(thorax.lobes.oblique, int(k)) >= 0.0
        middle = reader.read(thorax.lobes.horizontal, int(k)) >= 0.0
        right = np.where(lower, RLL, np.where(middle, RML, RUL))
        labels[k] = np.where(lungs[k] == 1, right, np.where(lungs[k] == 2, np.where(lower, LLL, LUL), 0))
    return labels


def _nodule_truth(thorax: Thorax, grid: Grid) -> LabelMap | None:
    if not thorax.nodules:
        return None
    labels = np.zeros(grid.shape_kji, dtype=np.uint8)
    for number, nodule in enumerate(thorax.nodules, start=1):
        ball = sphere_share(grid, nodule.centre_lps_mm, nodule.spec.diameter_mm / 2.0)
        if ball is not None:
            labels[ball.box_kji][ball.share > 0.5] = number
    names = {number: f"nodule_{number}" for number in range(1, len(thorax.nodules) + 1)}
    return label_map(labels, grid, names)
