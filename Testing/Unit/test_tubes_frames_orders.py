"""Frames do not spin, and orders count as their authors count."""

from __future__ import annotations

import numpy as np
import pytest

from SenseCarePlanningLib.tubes.frames import rotation_minimising_frames
from SenseCarePlanningLib.tubes.orders import generations, horsfield_orders, strahler_orders


def helix(turns: float, radius: float, pitch: float, count: int) -> np.ndarray:
    angle = np.linspace(0.0, 2 * np.pi * turns, count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), pitch * angle / (2 * np.pi)], axis=1)


def frenet_normal(angle: float) -> np.ndarray:
    return np.array([-np.cos(angle), -np.sin(angle), 0.0])


def test_frames_are_orthonormal_and_left_is_the_left_hand() -> None:
    frames = rotation_minimising_frames(helix(2, 10, 12, 400))
    np.testing.assert_allclose(frames @ frames.transpose(0, 2, 1), np.broadcast_to(np.eye(3), frames.shape), atol=1e-12)
    np.testing.assert_allclose(np.cross(frames[:, 1], frames[:, 0]), frames[:, 2], atol=1e-12)
    ahead = rotation_minimising_frames(np.array([[0, 0, 0], [0, 0, -1.0]]), [0, -1, 0])[0]
    # looking towards the feet with anterior up, the viewer's left hand is the patient's left: +x in LPS
    np.testing.assert_allclose(ahead, [[0, 0, -1], [0, -1, 0], [1, 0, 0]], atol=1e-12)


@pytest.mark.parametrize("turns", [0.5, 1.0, 2.0])
def test_a_helix_turns_the_frame_against_the_frenet_frame_by_its_total_torsion(turns: float) -> None:
    radius, pitch = 10.0, 15.0
    curve = helix(turns, radius, pitch, 4001)
    rise = pitch / (2 * np.pi)
    torsion = rise / (radius**2 + rise**2)
    length = 2 * np.pi * turns * np.hypot(radius, rise)
    frames = rotation_minimising_frames(curve, frenet_normal(0.0))
    end_normal = frenet_normal(2 * np.pi * turns)
    binormal = np.cross(frames[-1, 0], end_normal)
    turned = np.arctan2(frames[-1, 1] @ binormal, frames[-1, 1] @ end_normal)
    difference = (turned + torsion * length + np.pi) % (2 * np.pi) - np.pi
    assert abs(np.degrees(difference)) < 0.2


def test_the_frame_never_spins_about_its_own_axis() -> None:
    frames = rotation_minimising_frames(helix(3, 8, 20, 600))
    step = frames[1:, 1] - frames[:-1, 1]
    spin = np.abs(np.einsum("ij,ij->i", step, frames[:-1, 2]))
    assert np.degrees(spin).max() < 0.05


def test_a_plane_curve_keeps_its_normal() -> None:
    angle = np.linspace(0, np.pi, 100)
    curve = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1) * 20
    frames = rotation_minimising_frames(curve, [0, 0, 1])
    np.testing.assert_allclose(frames[:, 1], np.broadcast_to([0, 0, 1.0], (100, 3)), atol=1e-9)


def test_repeated_points_and_anterior_curves_still_have_frames() -> None:
    curve = np.array([[0, 0, 0], [0, 0, 0], [0, -1, 0], [0, -1, 0], [0, -2, 0.0]])
    frames = rotation_minimising_frames(curve)
    assert np.isfinite(frames).all()
    np.testing.assert_allclose(np.linalg.norm(frames, axis=2), 1.0)


def test_frames_refuse_what_is_no_curve() -> None:
    with pytest.raises(ValueError, match="coincide"):
        rotation_minimising_frames(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="N >= 2"):
        rotation_minimising_frames(np.zeros((1, 3)))


#        0
#      /   \
#     1     2
#    / \   / \
#   3   4 5   6
#  / \
# 7   8
CHILDREN = {0: [1, 2], 1: [3, 4], 2: [5, 6], 3: [7, 8], 4: [], 5: [], 6: [], 7: [], 8: []}


def test_orders_of_a_small_tree_counted_by_hand() -> None:
    assert generations(CHILDREN, 0) == {0: 0, 1: 1, 2: 1, 3: 2, 4: 2, 5: 2, 6: 2, 7: 3, 8: 3}
    assert strahler_orders(CHILDREN, 0) == {0: 3, 1: 2, 2: 2, 3: 2, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1}
    assert horsfield_orders(CHILDREN, 0) == {0: 4, 1: 3, 2: 2, 3: 2, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1}


def test_single_children_and_trifurcations_count_once() -> None:
    children = {0: [1], 1: [2, 3, 4], 2: [], 3: [], 4: []}
    assert generations(children, 0) == {0: 0, 1: 0, 2: 1, 3: 1, 4: 1}
    assert strahler_orders(children, 0) == {0: 2, 1: 2, 2: 1, 3: 1, 4: 1}
    assert horsfield_orders(children, 0) == {0: 2, 1: 2, 2: 1, 3: 1, 4: 1}
