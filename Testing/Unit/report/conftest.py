"""Synthetic results for the report's tests: plausible numbers, no patient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from LungAirwayLib.feasibility import assess
from LungAirwayLib.instructions import instruct
from LungAirwayLib.measurements import measure_branches
from LungAirwayLib.plan import DensityClass, Extension, ExtensionModel, Plan, Route, Scope, Target, TsuboiType
from LungAirwayLib.result import AirwayResult, EngineInfo, RunInfo
from LungAirwayLib.scopes import load_scopes
from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.geometry import unit
from SenseCarePlanningLib.progress import StepRecord
from SenseCarePlanningLib.report.model import Measurement, not_measured
from SenseCarePlanningLib.surface import Surface
from SenseCarePlanningLib.tubes.assemble import assemble
from SenseCarePlanningLib.tubes.tree import Branch, BranchFlag, BranchLabel, Bridge, RemovedLoop, Tree
from SenseCarePlanningLib.volume import LabelMap

_TRUNK = {
    "trachea": (None, (0.0, 0.1, -1.0), 100.0, 8.5),
    "RMB": ("trachea", (-0.6, 0.1, -0.8), 22.0, 6.5),
    "LMB": ("trachea", (0.8, 0.1, -0.6), 45.0, 6.0),
    "RULB": ("RMB", (-0.95, 0.0, 0.2), 12.0, 4.8),
    "BI": ("RMB", (-0.3, 0.1, -0.95), 20.0, 5.2),
    "RMLB": ("BI", (-0.5, -0.7, -0.5), 14.0, 3.4),
    "RLLB": ("BI", (-0.2, 0.4, -0.9), 14.0, 4.4),
    "LULB": ("LMB", (0.8, -0.4, 0.2), 12.0, 4.8),
    "LLLB": ("LMB", (0.3, 0.4, -0.85), 14.0, 4.6),
}
_SEGMENTS = {
    "RULB": ("RB1", "RB2", "RB3"),
    "RMLB": ("RB4", "RB5"),
    "RLLB": ("RB6", "RB8", "RB9", "RB10"),
    "LULB": ("LB1+2", "LB3", "LB4", "LB5"),
    "LLLB": ("LB6", "LB8", "LB9", "LB10"),
}


def _branch(number: int, parent: Branch | None, way: np.ndarray, radius: float, code: str | None) -> Branch:
    length = float(np.linalg.norm(way))
    start = np.zeros(3) if parent is None else parent.points_lps_mm[-1]
    count = max(int(length / 0.7), 4)
    points = start + np.linspace(0.0, length, count)[:, None] * unit(way)
    radii = np.linspace(radius, 0.94 * radius, count)
    interval = np.stack([radii - 0.12, radii + 0.12], axis=1)
    label = None if code is None else BranchLabel(code, 0.93 if number % 5 else 0.7, (("RB2", 0.2),))
    flags = frozenset({BranchFlag.BRIDGED}) if number % 41 == 40 else frozenset[BranchFlag]()
    none = None if parent is None else parent.id
    return Branch(number, none, (), points, radii, interval, np.zeros((count, 3, 3)), label=label, flags=flags)


def make_tree(branch_count: int = 300, deep: int = 12) -> Tree:
    """Return a named tree whose branch RB3 divides until the way there passes ``deep`` bifurcations."""
    random = np.random.default_rng(5)
    made: list[Branch] = []
    named: dict[str, Branch] = {}

    def add(parent: Branch | None, direction: np.ndarray, length: float, radius: float, code: str | None) -> Branch:
        made.append(_branch(len(made), parent, length * unit(direction), radius, code))
        return made[-1]

    for code, (parent, direction, length, radius) in _TRUNK.items():
        named[code] = add(None if parent is None else named[parent], np.array(direction), length, radius, code)
    for lobe, codes in _SEGMENTS.items():
        for code in codes:
            if len(made) < branch_count:
                wanted = unit(named[lobe].direction + random.normal(0.0, 0.6, 3))
                named[code] = add(named[lobe], wanted, 10.0, 2.6, code)
    suffixes = ("a", "a-i", "a-ii")
    line = named.get("RB3")
    for level in range(max(deep - 3, 0)):
        if line is None or len(made) + 2 > branch_count:
            break
        radius = max(2.4 - 0.18 * level, 0.6)
        wanted = unit(line.direction + random.normal(0.0, 0.35, 3))
        other = unit(line.direction + random.normal(0.0, 0.7, 3))
        code = f"RB3{suffixes[level]}" if level < len(suffixes) else None
        parent = line
        line = add(parent, wanted, 7.0, radius, code)
        add(parent, other, 6.0, 0.9 * radius, "RB3b" if level == 0 else None)
    tips = [branch for branch in made if branch.label is not None and branch.label.code[:2] in ("RB", "LB")]
    while len(made) < branch_count and tips:
        parent = tips.pop(0)
        radius = max(0.8 * float(parent.radius_mm[0]), 0.5)
        tips += [add(parent, unit(parent.direction + random.normal(0.0, 0.5, 3)), 8.0, radius, None) for _ in range(2)]
    loop = RemovedLoop(np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]), 0.8)
    bridge = Bridge(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 3.0]]), 3.0, 0.7, "collinear")
    return assemble(made, 0, loops_removed=(loop,), bridges=(bridge,))


def _route(tree: Tree, rank: int, exit_id: int, centre: np.ndarray) -> Route:
    points, radius, _ = tree.path_points(exit_id)
    gap = float(np.linalg.norm(points[-1] - centre)) - 8.0
    path = np.linspace(points[-1], centre, 20)
    chosen = 1 if gap > 0 else None
    return Route(
        rank=rank,
        branch_ids=tree.path_to(exit_id),
        points_lps_mm=points,
        radius_mm=radius,
        exit_point_lps_mm=points[-1],
        exit_angle_deg=18.0 + 7.0 * rank,
        gap_mm=max(gap, 0.0),
        cost=30.0 * rank,
        confidence=0.62 / rank,
        reason=f"follows RB3a-i, {18 + 7 * rank} degrees off axis, {max(gap, 0.0):.0f} mm gap",
        extensions=(
            Extension(ExtensionModel.STRAIGHT, path, gap, 980.0, 3.2, ("runs 3 mm through a vessel of 3 mm or more",)),
            Extension(ExtensionModel.MINIMUM_COST, path, gap + 2.4, 640.0),
            Extension(
                ExtensionModel.ARTERY_FOLLOWING, path, gap + 1.1, 700.0, 0.0,
                ("arteries and veins are one mask: the vessel may be a vein",),
            ),
        ),
        chosen_extension=chosen,
        bronchus_sign=(True, False, None)[rank % 3],
        artery_sign=True,
        tsuboi=list(TsuboiType)[rank % 6],
        warnings=("RB3a-i lies in RUL, the target in RML.",) if rank == 2 else (),
    )  # fmt: skip


def _target(centre: np.ndarray, measured: bool) -> Target:
    if not measured:
        reason = "there is no CT"
        missing = {name: not_measured(name, "mm", reason) for name in ("long_axis", "short_axis", "distance_to_pleura")}
        return Target(centre, centre[None, :], "point", measurements=missing, notes=())
    measurements = {
        "long_axis": Measurement("long_axis", 18.24, "mm", (17.1, 19.4), "longest diameter in an axial section"),
        "short_axis": Measurement("short_axis", 13.71, "mm", (12.6, 14.8), "perpendicular to the long axis, same section"),
        "volume": Measurement("volume", 1873.0, "mm3", (1610.0, 2140.0), "voxels"),
        "mean_attenuation": Measurement("mean_attenuation", -37.4, "[hnsf'U]", (-52.0, -23.0), "mean inside the mask"),
        "distance_to_pleura": Measurement("distance_to_pleura", 11.93, "mm", (10.8, 13.1), "surface to the lung's edge"),
        "distance_to_fissure": not_measured("distance_to_fissure", "mm", "there are no lobes"),
    }
    offsets = unit(np.random.default_rng(1).normal(size=(60, 3))) * 8.0
    return Target(centre, centre + offsets, "click", DensityClass.PART_SOLID, measurements, "RUL")


@dataclass(frozen=True)
class CaseOptions:
    """What the synthetic case has."""

    branch_count: int = 300
    deep: int = 12
    route_count: int = 3
    scope_copies: int = 1
    with_target: bool = True
    with_ct: bool = True


def make_case(options: CaseOptions | None = None) -> AirwayResult:
    """Return a result with plausible values."""
    options = options or CaseOptions()
    tree = make_tree(options.branch_count, options.deep)
    deepest = max(tree.tips, key=lambda branch: branch.generation)
    centre = deepest.points_lps_mm[-1] + 17.0 * deepest.direction
    airway = LabelMap(np.zeros((4, 4, 4), dtype=np.uint8), np.diag([0.7, 0.7, 1.0, 1.0]), {1: "airway_lumen"})
    plan = _plan(tree, deepest, centre, options) if options.with_target else None
    steps = tuple(
        StepRecord(name, 1.23 + number, 800.0 + number) for number, name in enumerate(("Lungs", "Airway", "Airway tree"))
    )
    acquisition = {"kvp": 120.0, "kernel": "B60f", "slice_thickness_mm": 1.0, "manufacturer": "SIEMENS", "contrast": False}
    run = RunInfo(
        versions={"SenseCare Planning": "0.1.0", "Python": "3.11.2", "numpy": "2.2.1"},
        options={"engine": "auto", "scopes": "all", "target": "point"},
        input_geometry={"acquisition": acquisition} if options.with_ct else {},
        steps=(*steps, StepRecord("Target and routes", 0.4, float("nan"))),
        created="2026-03-04T05:06:07+00:00",
    )
    quality = {
        "slice_spacing": Measurement("slice_spacing", 1.0, "mm", method="distance between slice centres"),
        "noise": Measurement("noise", 24.6, "[hnsf'U]", (23.9, 25.3), "robust standard deviation of the air in the trachea"),
        "lung_volume": not_measured("lung_volume", "mL", "there is no lung mask"),
    }
    return AirwayResult(
        airway=airway,
        lungs=None,
        lobes=None,
        vessels=None,
        tree=tree,
        surface=Surface(np.zeros((3, 3)), np.zeros((1, 3), dtype=np.int64)),
        branch_measurements=measure_branches(tree, None),
        plan=plan,
        quality=quality if options.with_ct else {},
        engine=EngineInfo("classical", "", "1", ""),
        run=run,
        warnings=("The airway tree is incomplete - peripheral routes are unreliable: 97 branches found, at least 150 expected.",),
        not_measured=(
            "Breathing motion: there is no second CT in expiration, so the target may lie elsewhere during the procedure.",
        ),
    )


def _plan(tree: Tree, deepest: Branch, centre: np.ndarray, options: CaseOptions) -> Plan:
    target = _target(centre, options.with_ct)
    others = [branch.id for branch in tree.tips if branch.id != deepest.id]
    exits = [deepest.id, *others][: options.route_count]
    routes = tuple(_route(tree, rank, exit_id, centre) for rank, exit_id in enumerate(exits, start=1))
    library = load_scopes()
    scopes: tuple[Scope, ...] = tuple(
        replace(scope, id=f"{scope.id}-{copy}", name=scope.name if not copy else f"{scope.name} Very Long Product Name {copy}")
        for copy in range(options.scope_copies)
        for scope in library
    )
    return Plan(
        target=target,
        routes=routes,
        scopes=scopes,
        feasibility=assess(routes, tree, target, scopes),
        instructions={route.rank: instruct(route, tree) for route in routes},
        expected_motion=Measurement("expected_motion", 17.6, "mm", (5.0, 30.0), "population mean"),
    )


def make_pictures(result: AirwayResult, folder: Path) -> dict[str, Path]:
    """Draw a picture for every key that the report knows."""
    sizes = {"tree_overview": (1200, 1400), "tree_lobes": (1200, 1400)}
    if result.plan is not None:
        sizes |= {f"target_{plane}": (900, 900) for plane in ("axial", "coronal", "sagittal")}
        for route in result.plan.routes:
            sizes |= {f"route_{route.rank}_tree": (1600, 1300), f"route_{route.rank}_oblique": (900, 800)}
            sizes[f"extensions_{route.rank}"] = (900, 800)
            for step in result.plan.instructions[route.rank]:
                sizes[f"step_{route.rank}_{step.step}"] = (480, 480)
    paths = {}
    for number, (key, size) in enumerate(sizes.items()):
        rows = np.linspace(40, 200, size[1], dtype=np.uint8)[:, None]
        shade = np.broadcast_to(rows, (size[1], size[0]))
        pixels = np.stack([shade, np.roll(shade, 37 * number, axis=0), 255 - shade], axis=-1)
        image = Image.fromarray(np.ascontiguousarray(pixels))
        ImageDraw.Draw(image).ellipse((0.2 * size[0], 0.2 * size[1], 0.8 * size[0], 0.8 * size[1]), outline="white", width=6)
        ImageDraw.Draw(image).text((10, 10), key, fill="white")
        paths[key] = folder / f"{key}.png"
        image.save(paths[key])
    return paths


STUDY = StudyInfo(
    patient_name="Wang^XiaoDong=王^小东",
    patient_id="ID-0042<&>",
    birth_date="1958-02-03",
    sex="M",
    age="068Y",
    study_date="2026-03-01",
    study_time="10:11:12",
    institution='Hospital "A & B"',
    series_uid="1.2.826.0.1.3680043.8.498.10510015264012345678901234567890123456",
    study_description="CHEST CT",
)


@pytest.fixture(scope="session")
def case() -> Callable[..., AirwayResult]:
    """Make a synthetic result from :class:`CaseOptions` given by keyword."""
    return lambda **options: make_case(CaseOptions(**options))


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[[AirwayResult], dict[str, Path]]:
    """Make pictures for a result."""
    return lambda result: make_pictures(result, tmp_path)


@pytest.fixture
def study() -> StudyInfo:
    """A patient whose name and ID hold characters that markup would eat."""
    return STUDY
