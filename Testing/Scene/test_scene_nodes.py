"""Real MRML nodes: plain data in, the same plain data out, also through a .mrb bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("slicer", reason="the slicer-core wheel is not installed")

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.report.model import Code
from SenseCarePlanningLib.surface import Surface
from SenseCarePlanningLib.volume import LabelMap, Volume
from SenseCarePlanningMRML.bundle import load_mrb, save_mrb
from SenseCarePlanningMRML.camera_nodes import add_camera
from SenseCarePlanningMRML.curve_nodes import add_curve, add_point, control_points_lps, curve_length_mm
from SenseCarePlanningMRML.endoscopy import CAMERA_ORIENTATIONS, fitted_to_curve, orientations_of
from SenseCarePlanningMRML.model_nodes import add_model, surface_polydata
from SenseCarePlanningMRML.scene import new_scene
from SenseCarePlanningMRML.segmentation_nodes import (
    ANATOMY,
    RIGHT,
    SegmentLayer,
    SegmentStyle,
    add_segmentation,
    segment_labels,
    terminology_text,
)
from SenseCarePlanningMRML.subject_hierarchy import add_folder, hierarchy, names_in, put_into
from SenseCarePlanningMRML.table_nodes import add_table, columns_of
from SenseCarePlanningMRML.volume_nodes import add_volume, volume_of

OBLIQUE = np.array([[0.69, 0.10, 0.05, -100.0], [-0.12, 0.70, 0.10, -80.0], [0.02, -0.08, 1.20, 30.0], [0, 0, 0, 1.0]])
LEFT_HANDED = np.array([[-0.7, 0, 0, 90.0], [0, 0.8, 0, -70.0], [0, 0, 1.5, 10.0], [0, 0, 0, 1.0]])
LUNG = SegmentStyle("Right lung", ANATOMY, Code("39607008", "SCT", "Lung"), RIGHT)


@pytest.fixture
def scene() -> Any:
    return new_scene()


@pytest.fixture(params=[OBLIQUE, LEFT_HANDED], ids=["oblique", "left-handed"])
def affine(request: pytest.FixtureRequest) -> Any:
    return request.param


def blocks() -> np.ndarray[Any, np.dtype[np.uint8]]:
    array = np.zeros((12, 14, 16), dtype=np.uint8)
    array[2:5, 3:9, 4:11] = 1
    array[7:9, 3:9, 4:11] = 2
    array[11, 13, 15] = 1
    return array


def points_of(labels: LabelMap, value: int) -> Any:
    found = labels.grid.lps_from_kji(np.argwhere(labels.array_kji == value))
    return found[np.lexsort(found.T)]


@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_a_volume_comes_back_as_it_was(scene: Any, affine: Any, kind: type) -> None:
    array = np.arange(4 * 5 * 6).reshape(4, 5, 6).astype(kind)
    back = volume_of(add_volume(scene, Volume(array, affine), "CT"))
    np.testing.assert_array_equal(back.array_kji, array)
    np.testing.assert_allclose(back.affine_ijk_to_lps, affine, atol=1e-12)
    assert back.array_kji.dtype == array.dtype


def test_an_empty_volume_node_is_refused(scene: Any) -> None:
    with pytest.raises(ValueError, match="no image"):
        volume_of(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty"))


def test_segments_keep_their_place_and_values(scene: Any, affine: Any) -> None:
    labels = LabelMap(blocks(), affine)
    node = add_segmentation(scene, [SegmentLayer(labels, {1: ("one", LUNG), 2: ("two", LUNG), 3: ("none", LUNG)})], "S")
    assert node.GetSegmentation().GetNumberOfSegments() == 2
    for value, key in ((1, "one"), (2, "two")):
        np.testing.assert_allclose(points_of(segment_labels(node, key), 1), points_of(labels, value), atol=1e-9)


def test_overlapping_layers_stay_apart(scene: Any) -> None:
    first, second = np.zeros((6, 6, 6), dtype=np.uint8), np.zeros((6, 6, 6), dtype=np.uint8)
    first[1:4], second[3:5] = 1, 1
    layers = [
        SegmentLayer(LabelMap(first, OBLIQUE), {1: ("a", LUNG)}),
        SegmentLayer(LabelMap(second, OBLIQUE), {1: ("b", LUNG)}),
    ]
    node = add_segmentation(scene, layers, "S")
    assert segment_labels(node, "a").array_kji.sum() == first.sum()
    assert segment_labels(node, "b").array_kji.sum() == second.sum()


def test_an_empty_label_map_gives_a_segmentation_without_segments(scene: Any) -> None:
    empty = LabelMap(np.zeros((3, 3, 3), dtype=np.uint8), OBLIQUE)
    node = add_segmentation(scene, [SegmentLayer(empty, {1: ("a", LUNG)})], "S")
    assert node.GetSegmentation().GetNumberOfSegments() == 0
    with pytest.raises(KeyError, match="'a'"):
        segment_labels(node, "a")


def test_terminology_has_the_seven_parts_that_slicer_reads(scene: Any) -> None:
    parts = terminology_text(LUNG).split("~")
    assert len(parts) == 7
    assert parts[1:4] == ["SCT^123037004^Anatomical Structure", "SCT^39607008^Lung", "SCT^24028007^Right"]
    node = add_segmentation(scene, [SegmentLayer(LabelMap(blocks(), OBLIQUE), {1: ("one", LUNG)})], "S")
    segment = node.GetSegmentation().GetSegment("one")
    import slicer
    import vtk

    tag = vtk.reference("")
    assert segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), tag)
    assert str(tag) == terminology_text(LUNG)


def test_right_of_the_patient_is_positive_x_in_the_scene(scene: Any) -> None:
    """LPS -40 is the patient's right; RAS counts right as positive."""
    node = add_point(scene, [-40.0, -10.0, 5.0], "T", (0, 1, 0))
    assert node.GetNthControlPointPositionWorld(0) == pytest.approx((40.0, 10.0, 5.0))
    np.testing.assert_allclose(control_points_lps(node), [[-40.0, -10.0, 5.0]])


def test_a_surface_keeps_its_outside(scene: Any) -> None:
    """The signed volume of a tetrahedron is the same in RAS as in LPS: two flips are a rotation."""
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float64)
    triangles = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], dtype=np.int64)
    polydata = add_model(scene, surface_polydata(Surface(points, triangles)), "M", (1, 1, 1)).GetPolyData()
    world = np.array([polydata.GetPoint(at) for at in range(4)])
    volume = sum(np.dot(world[a], np.cross(world[b], world[c])) for a, b, c in triangles) / 6.0
    assert volume == pytest.approx(1.0 / 6.0)
    assert polydata.GetNumberOfCells() == 4


def test_a_curve_runs_through_the_line_that_it_was_given(scene: Any) -> None:
    turn = np.linspace(0.0, np.pi, 200)
    line = np.stack([30.0 * np.cos(turn), 30.0 * np.sin(turn), 10.0 * turn], axis=1)
    node = add_curve(scene, line, "R", (1, 0, 0), {"a": "b"})
    control = control_points_lps(node)
    assert max(float(np.linalg.norm(line - point, axis=1).min()) for point in control) < 0.3
    np.testing.assert_allclose(control[[0, -1]], line[[0, -1]], atol=1e-6)
    assert curve_length_mm(node) == pytest.approx(np.linalg.norm(np.diff(line, axis=0), axis=1).sum(), rel=2e-3)
    assert node.GetAttribute("a") == "b"
    with pytest.raises(ValueError, match="two points"):
        add_curve(scene, line[:1], "R", (1, 0, 0))


def test_camera_distances_are_stretched_to_the_curve_and_end_just_before_it() -> None:
    attributes = {CAMERA_ORIENTATIONS: '{"0.0": [0.1, 0, 0, 1], "50.0": [0.2, 0, 0, 1]}', "x": "y"}
    fitted = fitted_to_curve(attributes, path_length_mm=50.0, curve_length_mm=49.0)
    assert sorted(orientations_of(fitted)) == pytest.approx([0.0, 48.75])
    assert fitted["x"] == "y"
    assert fitted_to_curve({"x": "y"}, 50.0, 49.0) == {"x": "y"}


def test_tables_keep_numbers_text_and_gaps(scene: Any) -> None:
    node = add_table(scene, {"n": [1, 2.5, None], "t": ["a", None, True]}, "T", {"n": "mm"})
    assert columns_of(node) == {"n": ["1", "2.5", "nan"], "t": ["a", "", "yes"]}
    assert node.GetColumnUnitLabel("n") == "mm"
    with pytest.raises(ValueError, match="different length"):
        add_table(scene, {"a": [1], "b": [1, 2]}, "T")


def test_everything_comes_back_from_a_bundle(scene: Any, affine: Any, tmp_path: Path) -> None:
    labels = LabelMap(blocks(), affine)
    array = np.arange(labels.array_kji.size).reshape(labels.array_kji.shape).astype(np.int16)
    volume = add_volume(scene, Volume(array, affine), "CT")
    segmentation = add_segmentation(scene, [SegmentLayer(labels, {1: ("one", LUNG), 2: ("two", LUNG)})], "Seg", volume)
    line = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -30.0], [-10.0, 5.0, -60.0]])
    curve = add_curve(scene, line, "Route 1", (1, 0, 0), {CAMERA_ORIENTATIONS: '{"0.0": [0.1, 0, 0, 1]}'})
    camera = add_camera(scene, "Cam", eye_lps_mm=[1, 2, 3], focus_lps_mm=[1, 2, -3], up_lps=[0, -1, 0], view_angle_deg=100.0)
    table = add_table(scene, {"n": [1.5]}, "Table")
    put_into(scene, add_folder(scene, "Plan"), [volume, segmentation, curve, table, camera])
    path = save_mrb(scene, tmp_path / "plan.mrb")
    assert [item.name for item in tmp_path.iterdir()] == ["plan.mrb"]

    back = load_mrb(path)
    tree = hierarchy(back)
    assert names_in(back, tree.GetItemByName("Plan")) == ["CT", "Seg", "Route 1", "Table", "Cam"]
    again = volume_of(back.GetFirstNodeByName("CT"))
    places = labels.grid.lps_from_kji(np.argwhere(np.ones_like(array)))
    found = np.rint(again.grid.kji_from_lps(places)).astype(int)
    np.testing.assert_array_equal(again.array_kji[tuple(found.T)], array.ravel())
    for value, key in ((1, "one"), (2, "two")):
        loaded = segment_labels(back.GetFirstNodeByName("Seg"), key)
        np.testing.assert_allclose(points_of(loaded, 1), points_of(labels, value), atol=1e-4)
    np.testing.assert_allclose(control_points_lps(back.GetFirstNodeByName("Route 1"))[-1], line[-1], atol=1e-4)
    assert back.GetFirstNodeByName("Route 1").GetAttribute(CAMERA_ORIENTATIONS) == '{"0.0": [0.1, 0, 0, 1]}'
    assert back.GetFirstNodeByName("Cam").GetViewUp() == pytest.approx((0.0, 1.0, 0.0))
    assert back.GetFirstNodeByName("Cam").GetViewAngle() == pytest.approx(100.0)
    assert columns_of(back.GetFirstNodeByName("Table")) == {"n": ["1.5"]}


def test_what_is_no_bundle_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        load_mrb(tmp_path / "none.mrb")
    path = tmp_path / "text.mrb"
    path.write_text("not a bundle")
    with pytest.raises(InputError, match="not a Slicer scene"):
        load_mrb(path)
