"""A whole plan on a small digital tree becomes a scene that Slicer's modules understand."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vtk

pytest.importorskip("slicer", reason="the slicer-core wheel is not installed")

from scipy.ndimage import distance_transform_edt
from scipy.spatial.transform import Rotation

from LungAirwayLib.constants import LOBE_CODES, LUNG_NAMES, LUNG_RIGHT, RUL
from LungAirwayLib.feasibility import assess
from LungAirwayLib.flythrough import camera_path
from LungAirwayLib.instructions import instruct
from LungAirwayLib.plan import Plan, Target
from LungAirwayLib.result import AirwayResult, EngineInfo, RunInfo
from LungAirwayLib.route import plan_routes
from LungAirwayLib.scopes import load_scopes
from SenseCarePlanningLib.geometry import lps_from_ras
from SenseCarePlanningLib.render.lumen_surface import lumen_surface
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.volume import LabelMap, Volume
from SenseCarePlanningMRML.airway_scene import FOLDER, AirwaySceneNodes, build_airway_scene, target_labels
from SenseCarePlanningMRML.bundle import load_mrb, save_mrb
from SenseCarePlanningMRML.endoscopy import VIEW_ANGLE, orientations_of
from SenseCarePlanningMRML.model_nodes import TREE_ARRAYS
from SenseCarePlanningMRML.scene import new_scene
from SenseCarePlanningMRML.segmentation_nodes import segment_labels
from SenseCarePlanningMRML.subject_hierarchy import hierarchy, names_in
from SenseCarePlanningMRML.table_nodes import columns_of

LINES = (
    ((0, 0, 60), (0, 0, 0), 5.0),
    ((0, 0, 0), (-25, 0, -20), 3.5),
    ((0, 0, 0), (25, 0, -20), 3.5),
    ((-25, 0, -20), (-45, -8, -25), 2.2),
    ((-25, 0, -20), (-32, 10, -45), 2.2),
)
"""A trachea, two main bronchi and a fork in the right lung (LPS mm), with radii."""


@pytest.fixture(scope="module")
def result() -> AirwayResult:
    """A plan for a ball in the patient's right upper zone, made on a mask of cylinders at 1 mm."""
    affine = np.eye(4)
    affine[:3, 3] = [-75.0, -30.0, -60.0]
    airway = LabelMap(np.zeros((125, 60, 115), dtype=np.uint8), affine)
    for start, end, radius in LINES:
        line = np.array(start) + np.linspace(0, 1, 200)[:, None] * (np.array(end) - np.array(start))
        seeds = np.ones(airway.array_kji.shape, dtype=bool)
        seeds[tuple(np.rint(airway.grid.kji_from_lps(line)).astype(int).T)] = False
        airway.array_kji[distance_transform_edt(seeds) <= radius] = 1
    tree = build_tree(airway, root_lps_mm=[0, 0, 60])
    lungs = LabelMap(np.zeros_like(airway.array_kji), affine, LUNG_NAMES)
    lungs.array_kji[:, :, :65] = LUNG_RIGHT
    lobes = LabelMap((lungs.array_kji == LUNG_RIGHT).astype(np.uint8) * RUL, affine, LOBE_CODES)
    vessels = LabelMap(np.roll(airway.array_kji, 8, axis=1), affine)
    at = np.arange(300) + 0.5
    polar, turn = np.arccos(1 - 2 * at / 300), np.pi * (1 + 5**0.5) * at
    ball = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1)
    target = Target(np.array([-62.0, -12.0, -29.0]), np.array([-62.0, -12.0, -29.0]) + 5.0 * ball, "mask", lobe="RUL")
    routes = plan_routes(tree, target, airway=airway, lungs=lungs, lobes=lobes, vessels=vessels)
    scopes = load_scopes()
    plan = Plan(
        target, routes, scopes, assess(routes, tree, target, scopes), {item.rank: instruct(item, tree) for item in routes}
    )
    return AirwayResult(
        airway=airway,
        lungs=lungs,
        lobes=lobes,
        vessels=vessels,
        tree=tree,
        surface=lumen_surface(airway),
        branch_measurements={},
        plan=plan,
        quality={},
        engine=EngineInfo("given", "mask", "1"),
        run=RunInfo({}, {}, {}),
    )


@pytest.fixture(scope="module")
def built(result: AirwayResult) -> tuple[Any, AirwaySceneNodes]:
    assert result.plan is not None
    scene = new_scene()
    ct = Volume(np.where(result.airway.array_kji > 0, -1000, -850).astype(np.int16), result.airway.affine_ijk_to_lps)
    paths = {route.rank: camera_path(route, result.tree, result.airway) for route in result.plan.routes}
    return scene, build_airway_scene(scene, result, ct, paths)


def test_one_folder_holds_everything(built: tuple[Any, AirwaySceneNodes], result: AirwayResult) -> None:
    scene, nodes = built
    assert result.plan is not None
    names = names_in(scene, nodes.folder)
    assert names[:4] == ["Chest CT", "Segmentation", "Airway tree", "Airway lumen"]
    assert {"Route 1", "Target", "Airways", "Bronchoscopes", "Instructions, route 1", "Bronchoscope camera"} <= set(names)
    assert len(nodes.routes) == len(result.plan.routes)


def test_segments_are_coded_and_in_their_place(built: tuple[Any, AirwaySceneNodes], result: AirwayResult) -> None:
    import slicer

    _, nodes = built
    segmentation = nodes.segmentation.GetSegmentation()
    ids = [segmentation.GetNthSegmentID(at) for at in range(segmentation.GetNumberOfSegments())]
    assert ids == ["airway", "vessels", "lobe_rul", "lung_right", "target"]
    for key in ids:
        tag = vtk.reference("")
        assert segmentation.GetSegment(key).GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), tag)
        parts = str(tag).split("~")
        assert len(parts) == 7
        assert re.fullmatch(r"SCT\^\d+\^.+", parts[2])
    airway = segment_labels(nodes.segmentation, "airway")
    assert int(airway.array_kji.sum()) == int((result.airway.array_kji > 0).sum())
    lobe = segment_labels(nodes.segmentation, "lobe_rul")
    assert lps_from_ras(lobe.grid.lps_from_kji(np.argwhere(lobe.array_kji > 0)))[:, 0].min() > 0.0


def test_the_right_upper_target_has_positive_x_in_ras(built: tuple[Any, AirwaySceneNodes]) -> None:
    _, nodes = built
    assert nodes.target.GetNthControlPointPositionWorld(0) == pytest.approx((62.0, 12.0, -29.0))


def test_the_target_is_filled_to_its_volume(result: AirwayResult) -> None:
    assert result.plan is not None
    assert target_labels(result.plan.target).volume_ml() == pytest.approx(4 / 3 * np.pi * 0.5**3, rel=0.06)


def test_the_tree_model_carries_its_arrays(built: tuple[Any, AirwaySceneNodes], result: AirwayResult) -> None:
    _, nodes = built
    data = nodes.tree.GetPolyData()
    assert data.GetNumberOfCells() == len(result.tree)
    for name in TREE_ARRAYS:
        assert data.GetPointData().GetArray(name).GetNumberOfTuples() == data.GetNumberOfPoints()


def test_the_endoscopy_module_would_look_along_the_airway_with_anterior_up(
    built: tuple[Any, AirwaySceneNodes], result: AirwayResult
) -> None:
    """Columns of the rotation are left, up and forward in RAS; distances rise and stay within the curve."""
    _, nodes = built
    curve = nodes.routes[0]
    keys = orientations_of({name: curve.GetAttribute(name) for name in ("Endoscopy.Path.CameraOrientations",)})
    distances = sorted(keys)
    assert distances[0] == 0.0
    assert distances[-1] == pytest.approx(curve.GetCurveLengthWorld() - 0.25)
    assert 30.0 <= float(curve.GetAttribute(VIEW_ANGLE)) <= 180.0
    assert curve.GetNodeReference("Camera") is nodes.camera
    for distance in distances[:-2]:
        angle, *axis = keys[distance]
        turn = Rotation.from_rotvec(angle * np.array(axis)).as_matrix()
        here, there = np.zeros(3), np.zeros(3)
        curve.GetPositionAlongCurveWorld(here, 0, distance)
        curve.GetPositionAlongCurveWorld(there, 0, distance + 2.0)
        ahead = (there - here) / np.linalg.norm(there - here)
        assert np.degrees(np.arccos(np.clip(turn[:, 2] @ ahead, -1, 1))) < 50.0
        np.testing.assert_allclose(np.cross(turn[:, 1], turn[:, 2]), turn[:, 0], atol=1e-6)
    first = Rotation.from_rotvec(keys[0.0][0] * np.array(keys[0.0][1:])).as_matrix()
    assert first[:, 1] @ [0, 1, 0] > 0.95
    assert first[:, 0] @ [-1, 0, 0] > 0.95


def test_tables_tell_what_the_plan_says(built: tuple[Any, AirwaySceneNodes], result: AirwayResult) -> None:
    _, nodes = built
    assert result.plan is not None
    airways, scopes, steps, *_ = (columns_of(table) for table in nodes.tables)
    assert len(airways["Branch"]) == len(result.tree)
    assert scopes["Reach"] == [cell.reach.value for cell in result.plan.feasibility]
    assert [float(hour) for hour in steps["Clock"]] == [step.clock_hour for step in result.plan.instructions[1]]


def test_a_saved_plan_opens_again(built: tuple[Any, AirwaySceneNodes], tmp_path: Path) -> None:
    scene, nodes = built
    back = load_mrb(save_mrb(scene, tmp_path / "scene.mrb"))
    folder = hierarchy(back).GetItemByName(FOLDER)
    assert names_in(back, folder) == names_in(scene, nodes.folder)
    for name in ("Endoscopy.Path.CameraOrientations", VIEW_ANGLE):
        assert back.GetFirstNodeByName("Route 1").GetAttribute(name) == nodes.routes[0].GetAttribute(name)
    again = segment_labels(back.GetFirstNodeByName("Segmentation"), "target")
    assert int(again.array_kji.sum()) == int(segment_labels(nodes.segmentation, "target").array_kji.sum())


def test_a_result_without_plan_or_ct_still_makes_a_scene(result: AirwayResult) -> None:
    scene = new_scene()
    bare = replace(result, plan=None, lungs=None, lobes=None, vessels=None)
    nodes = build_airway_scene(scene, bare)
    assert names_in(scene, nodes.folder) == ["Segmentation", "Airway tree", "Airway lumen", "Airways"]
