"""The parts of the segmentation on shapes with known answers: axes, walls, paths, loops, and clear refusals."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from LungAirwayLib import airway_network
from LungAirwayLib.engines import TotalSegmentatorSegmenter, is_airway_lumen
from LungAirwayLib.peripheral import grow_paths
from LungAirwayLib.segment import SegmentOptions, segment_airway
from SenseCarePlanningLib.errors import InputError, SenseCareError
from SenseCarePlanningLib.evaluation.atm22 import count_loops
from SenseCarePlanningLib.patient_axes import PatientAxes
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.tubes.dark_tubes import wall_evidence
from SenseCarePlanningLib.tubes.simple_points import without_loops
from SenseCarePlanningLib.volume import Volume

SPACING = (0.7, 0.7, 0.7)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1), (-1, -1, -1)])
def test_patient_axes_undo_any_storage_order(order: tuple[int, int, int], signs: tuple[int, int, int]) -> None:
    affine = np.eye(4)
    affine[:3, :3] = 0.0
    for column, row in enumerate(order):
        affine[row, column] = signs[column] * (0.5 + column)
    affine[:3, :3] += 0.02  # a little oblique
    volume = Volume(np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6), affine)
    axes = PatientAxes.of(volume.grid)
    turned = axes.apply(volume.array_kji)
    np.testing.assert_array_equal(axes.restore(turned), volume.array_kji)
    first = axes.lps_from_index(volume.grid, np.array([0.0, 0.0, 0.0]))
    for axis, world in ((0, 2), (1, 1), (2, 0)):  # up, back, left
        step = np.zeros(3)
        step[axis] = 1.0
        assert (axes.lps_from_index(volume.grid, step) - first)[world] > 0.4
    index = np.array([1.0, 2.0, 1.0])
    at = np.rint(volume.grid.kji_from_lps(axes.lps_from_index(volume.grid, index))).astype(int)
    assert volume.array_kji[tuple(at)] == turned[1, 2, 1]


def walled_tube(radius_mm: float = 1.4) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A dark tube with a wall along axis 0 in even lung; beside it two plates farther apart than the rays reach."""
    k, j, i = np.indices((40, 60, 40)) * 0.7
    far = np.hypot(j - 14, i - 14)
    image = np.full(k.shape, -850.0, dtype=np.float32)
    image[(far < radius_mm + 0.8) & (far >= radius_mm)] = -300.0
    image[far < radius_mm] = -950.0
    image[:, 40:42] = image[:, 56:58] = 0.0
    return ndimage.gaussian_filter(image, 0.6), far < radius_mm * 0.7


def test_walls_are_seen_around_a_tube_but_not_in_lung_or_between_far_plates() -> None:
    image, core = walled_tube()
    evidence = wall_evidence(image, np.ones(image.shape, dtype=bool), SPACING)
    inner = (slice(10, 30),)
    assert evidence[inner][core[inner]].min() > 150.0
    assert evidence[10:30, 28:32, 10:30].max() < 20.0
    assert evidence[10:30, 48, 10:30].max() < 20.0


def test_walls_need_room_for_the_rays() -> None:
    assert not wall_evidence(np.zeros((4, 4, 4), dtype=np.float32), np.ones((4, 4, 4), dtype=bool), SPACING).any()


def test_a_straight_line_of_evidence_becomes_a_path_and_a_wandering_one_does_not() -> None:
    trunk = np.zeros((40, 40, 60), dtype=bool)
    trunk[:, 18:22, :6] = True
    evidence = np.zeros(trunk.shape, dtype=np.float32)
    evidence[20, 20, 6:40] = 1.5
    straight = grow_paths(evidence, trunk, SPACING)
    assert len(straight.voxels) == 1
    assert straight.parents == (-1,)
    assert len(set(straight.voxels[0].tolist()) & set(np.flatnonzero(evidence).tolist())) >= 30
    zigzag = np.zeros_like(evidence)
    j = 20
    for step, i in enumerate(range(6, 40)):
        stop = 26 if (step // 3) % 2 == 0 else 14
        if step % 3 == 0:
            low, high = sorted((j, stop))
            zigzag[20, low : high + 1, i] = 1.5
            j = stop
        zigzag[20, j, i] = 1.5
    assert grow_paths(zigzag, trunk, SPACING).voxels == ()


def test_no_evidence_no_paths() -> None:
    trunk = np.zeros((10, 10, 10), dtype=bool)
    trunk[4:6, 4:6, 4:6] = True
    assert grow_paths(np.zeros(trunk.shape, dtype=np.float32), trunk, SPACING).voxels == ()


def test_regrown_ring_has_no_loop_and_loses_little() -> None:
    k, j, i = np.indices((20, 60, 60))
    ring = np.hypot(np.hypot(j - 30, i - 30) - 20, k - 10) <= 4
    assert count_loops(ring) == 1
    cut = without_loops(ring, (10, 30, 50))
    assert count_loops(cut) == 0
    assert ndimage.label(cut, np.ones((3, 3, 3)))[1] == 1
    assert cut.sum() > 0.97 * ring.sum()
    assert not (cut & ~ring).any()


def test_tree_without_loops_is_kept_whole() -> None:
    mask = np.zeros((30, 30, 30), dtype=bool)
    mask[2:28, 14:17, 14:17] = True
    mask[14:17, 2:28, 14:17] = True
    np.testing.assert_array_equal(without_loops(mask, (15, 15, 15)), mask)
    with pytest.raises(ValueError, match="seed"):
        without_loops(mask, (0, 0, 0))


@pytest.mark.parametrize("value", [-1000, 0, -850])
def test_volume_without_a_chest_is_refused_in_a_sentence(value: int) -> None:
    volume = Volume(np.full((40, 64, 64), value, dtype=np.int16), np.diag([2.0, 2.0, 3.0, 1.0]))
    with pytest.raises(SenseCareError, match=r"lungs|trachea"):
        segment_airway(volume, SegmentOptions("classical"), Progress())


def test_single_voxel_volume_is_refused() -> None:
    with pytest.raises(SenseCareError):
        segment_airway(Volume(np.zeros((1, 1, 1), dtype=np.int16), np.eye(4)), SegmentOptions("classical"), Progress())


def test_engine_that_cannot_run_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(tmp_path))
    monkeypatch.setattr(airway_network, "shipped_network", lambda: (None, "ONNX Runtime is missing."))
    volume = Volume(np.zeros((8, 8, 8), dtype=np.int16), np.eye(4))
    assert TotalSegmentatorSegmenter().available()
    for options, word in (
        (SegmentOptions("totalsegmentator"), "TotalSegmentator"),
        (SegmentOptions("bundle"), "ONNX Runtime"),
        (SegmentOptions("bundle", tmp_path), "bundle"),
        (SegmentOptions("magic"), "unknown"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError, match=word):
            segment_airway(volume, options, Progress())


@pytest.mark.parametrize(
    ("name", "lumen"), [("airway", True), ("lung_trachea_bronchia", True), ("airway_wall", False), ("artery", False)]
)
def test_channel_names(name: str, lumen: bool) -> None:
    assert is_airway_lumen(name) is lumen
