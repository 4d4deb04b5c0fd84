"""Numbers of branches and of the CT on shapes whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from LungAirwayLib.measurements import completeness_warnings, measure_branches, quality
from SenseCarePlanningLib.geometry import resample_polyline
from SenseCarePlanningLib.tubes.tree import Branch, BranchLabel, Tree
from SenseCarePlanningLib.volume import LabelMap, Volume

ENDS = {0: (None, (0, 0, 60), (0, 0, 0)), 1: (0, (0, 0, 0), (-30, 0, -30)), 2: (0, (0, 0, 0), (20, 0, -40))}


def make_branch(number, radius, label):
    parent, start, end = ENDS[number]
    line = resample_polyline(np.array([start, end], dtype=float), 0.5)
    radii = radius(np.linspace(0.0, 1.0, len(line)))
    return Branch(
        number, parent, (1, 2) if parent is None else (), line, radii, np.stack([radii - 0.3, radii + 0.3], axis=1),
        np.broadcast_to(np.eye(3), (len(line), 3, 3)), generation=0 if parent is None else 1, label=label,
    )  # fmt: skip


def make_tree(label=BranchLabel("trachea", 1.0)):  # noqa: B008 - frozen
    return Tree(
        {
            0: make_branch(0, lambda part: 8.0 + 0.0 * part, label),
            1: make_branch(1, lambda part: 4.0 - 1.0 * part, BranchLabel("RULB", 1.0)),
            2: make_branch(2, lambda part: 3.0 + 0.0 * part, None),
        },
        0,
    )


def named(measurements):
    return {measurement.name: measurement for measurement in measurements}


def test_length_diameter_taper_and_angle_of_a_narrowing_branch():
    found = named(measure_branches(make_tree(), None)[1])
    length = np.hypot(30.0, 30.0)
    assert found["length"].value == pytest.approx(length, abs=0.01)
    assert found["inner_diameter"].value == pytest.approx(7.0, abs=0.05)
    assert found["inner_diameter"].interval == pytest.approx((6.4, 7.6), abs=0.05)
    assert found["minimum_diameter"].value == pytest.approx(6.5, abs=0.05)
    assert found["taper"].value == pytest.approx(-2.0 / length, abs=1e-3)
    assert found["branch_angle"].value == pytest.approx(45.0, abs=0.5)
    assert found["tortuosity"].value == pytest.approx(1.0, abs=1e-6)


def test_a_half_circle_is_half_pi_times_its_chord():
    angle = np.linspace(0.0, np.pi, 200)
    line = np.stack([20.0 * np.cos(angle), 20.0 * np.sin(angle), np.zeros(200)], axis=1)
    branch = Branch(0, None, (), line, np.full(200, 2.0), np.full((200, 2), 2.0), np.broadcast_to(np.eye(3), (200, 3, 3)))
    found = named(measure_branches(Tree({0: branch}, 0), None)[0])
    assert found["tortuosity"].value == pytest.approx(np.pi / 2.0, abs=1e-3)


def test_what_cannot_be_measured_has_a_reason():
    found = measure_branches(make_tree(), None)
    assert "no CT" in named(found[1])["wall_thickness"].reason_missing
    assert "no parent" in named(found[0])["branch_angle"].reason_missing


def tracheal_ct(noise_hu):
    """A tube of air of 8 mm radius along the trachea, in tissue."""
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    affine[:3, 3] = [-20.0, -20.0, -5.0]
    k, j, i = np.indices((36, 41, 41))
    hu = np.where(np.hypot(i - 20, j - 20) < 8.0, -990.0, 30.0)
    hu += np.random.default_rng(1).normal(0.0, noise_hu, k.shape)
    return Volume(hu.astype(np.float32), affine)


@pytest.mark.parametrize("noise_hu", [10.0, 30.0])
def test_noise_is_that_of_the_air_in_the_trachea(noise_hu):
    found = quality(tracheal_ct(noise_hu), make_tree(), None, None)
    assert found["noise"].value == pytest.approx(noise_hu, rel=0.1)
    assert found["slice_spacing"].value == pytest.approx(2.0)


def test_counts_of_the_tree_and_the_lung_volume():
    lungs = LabelMap(np.ones((10, 10, 10), dtype=np.uint8), np.diag([2.0, 2.0, 2.0, 1.0]))
    found = quality(None, make_tree(), lungs, None)
    assert [found[name].value for name in ("branch_count", "tip_count", "deepest_generation", "lobes_supplied")] == [3, 2, 1, 1]
    assert found["lung_volume"].value == pytest.approx(8.0)
    assert found["total_length"].value == pytest.approx(60.0 + np.hypot(30, 30) + np.hypot(20, 40), abs=0.1)
    assert found["noise"].value is None


def test_a_small_tree_is_called_incomplete_with_the_reasons():
    (warning,) = completeness_warnings(make_tree())
    assert "peripheral routes are unreliable" in warning
    assert "3 branches found, at least 150 expected" in warning
    assert "right middle lobe" in warning
    assert "right upper lobe" not in warning


def test_a_lobe_with_one_branch_is_said_with_its_volume():
    lobes = LabelMap(np.repeat(np.array([[[1, 2]]], dtype=np.uint8), 500, axis=0), np.diag([10.0, 10.0, 10.0, 1.0]))
    (warning,) = completeness_warnings(make_tree(), lobes)
    assert "named branches of the right upper lobe: 1 (42 mm for 500 mL)" in warning
    assert "named branches" not in completeness_warnings(make_tree())[0]


def stored_sagittally(volume):
    """The same image with its slices along i and the head-foot axis second, as a sagittal NIfTI is stored."""
    swap = np.zeros((4, 4))
    swap[[1, 2, 0, 3], [0, 1, 2, 3]] = 1.0  # stored i, j, k are the patient's j, k, i
    array = volume.array_kji.transpose(2, 0, 1)  # [k, j, i] stored = [i, k, j] before
    return Volume(np.ascontiguousarray(array), volume.affine_ijk_to_lps @ swap)


def test_a_sagittally_stored_ct_has_the_same_slice_spacing_and_noise():
    volume = tracheal_ct(20.0)
    drift = volume.array_kji + np.linspace(0.0, 90.0, 36, dtype=np.float32)[:, None, None]  # along the trachea
    volume = Volume(drift, volume.affine_ijk_to_lps)
    expected = quality(volume, make_tree(), None, None)
    found = quality(stored_sagittally(volume), make_tree(), None, None)
    assert found["slice_spacing"].value == pytest.approx(2.0)
    assert found["noise"].value == pytest.approx(expected["noise"].value, rel=1e-6)
    assert found["noise"].value == pytest.approx(20.0, rel=0.1)


def test_one_branch_is_no_plural():
    tree = make_tree()
    (warning,) = completeness_warnings(Tree({0: replace(tree[0], child_ids=())}, 0))
    assert "1 branch found, at least 150 expected" in warning
