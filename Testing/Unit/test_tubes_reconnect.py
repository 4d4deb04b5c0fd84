"""Gaps are bridged when the four conditions agree, and not otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.crosssection import Polarity
from SenseCarePlanningLib.tubes.reconnect import BridgeOptions, bridge_gaps
from SenseCarePlanningLib.tubes.tree import BranchFlag
from SenseCarePlanningLib.volume import Grid, LabelMap, Volume

AFFINE = np.diag([-0.8, 0.8, 0.8, 1.0])
GRID = Grid((110, 50, 50), AFFINE)
PLACES = GRID.lps_from_kji(np.indices(GRID.shape_kji).reshape(3, -1).T)
CENTRE = np.array([-20.0, 20.0])


def cylinder(low: float, high: float, radius: float, offset: tuple[float, float] = (0, 0), tilt: float = 0.0) -> np.ndarray:
    """Voxels of a cylinder along z between two heights, shifted and leaning to one side."""
    across = PLACES[:, :2] - CENTRE - offset
    across[:, 0] -= tilt * (PLACES[:, 2] - low)
    inside = (np.hypot(across[:, 0], across[:, 1]) <= radius) & (PLACES[:, 2] >= low) & (PLACES[:, 2] <= high)
    return inside.reshape(GRID.shape_kji)


def label(*parts: np.ndarray) -> LabelMap:
    return LabelMap(np.any(parts, axis=0).astype(np.uint8), AFFINE)


def scan(lumen: np.ndarray, inside: float = -950.0, outside: float = -800.0) -> Volume:
    return Volume(np.where(lumen, inside, outside).astype(np.float32), AFFINE)


TOP = cylinder(40, 80, 3.0)


def test_a_gap_in_a_straight_tube_is_bridged_on_the_scan_and_marked_in_the_tree() -> None:
    mask = label(TOP, cylinder(6, 32, 2.6))
    joined, bridges = bridge_gaps(mask, scan(cylinder(6, 80, 2.6)))
    assert len(bridges) == 1
    assert bridges[0].gap_mm == pytest.approx(8.0, abs=1.7)
    assert "HU below" in bridges[0].reason
    assert 0 < bridges[0].confidence <= 1
    tree = build_tree(joined, root_lps_mm=[*CENTRE, 80], bridges=bridges)
    assert len(tree) == 1
    assert tree.root.length_mm == pytest.approx(74, abs=3)
    assert BranchFlag.BRIDGED in tree.root.flags
    assert tree.root.confidence == pytest.approx(bridges[0].confidence)
    assert (mask.array_kji <= joined.array_kji).all()


def test_a_probability_map_needs_0_15_in_the_gap() -> None:
    mask = label(TOP, cylinder(6, 32, 2.6))
    for value, expected in ((0.3, 1), (0.05, 0)):
        values = np.where(mask.array_kji > 0, 0.9, np.where(cylinder(6, 80, 2.6), value, 0.01)).astype(np.float32)
        joined, bridges = bridge_gaps(mask, Volume(values, AFFINE))
        assert len(bridges) == expected
        assert (joined is mask) == (expected == 0)


def test_geometry_alone_decides_without_evidence() -> None:
    _, bridges = bridge_gaps(label(TOP, cylinder(6, 32, 2.6)), None)
    assert len(bridges) == 1
    assert "geometry alone" in bridges[0].reason


@pytest.mark.parametrize(
    "piece",
    [
        cylinder(2, 22, 2.6),
        cylinder(6, 34, 1.0),
        cylinder(28, 36, 2.6, offset=(12, 0)),
    ],
    ids=["too far", "too thin", "beside"],
)
def test_what_does_not_fit_stays_apart(piece: np.ndarray) -> None:
    mask = label(TOP, piece)
    evidence = scan(np.ones(GRID.shape_kji, dtype=bool), outside=0.0)
    joined, bridges = bridge_gaps(mask, evidence)
    assert bridges == ()
    assert joined is mask


def test_tissue_in_the_gap_forbids_the_bridge() -> None:
    assert bridge_gaps(label(TOP, cylinder(6, 32, 2.6)), scan(TOP | cylinder(6, 32, 2.6)))[1] == ()


def test_pieces_are_bridged_one_after_the_other() -> None:
    mask = label(TOP, cylinder(24, 34, 2.6), cylinder(4, 18, 2.2))
    _, bridges = bridge_gaps(mask, scan(cylinder(4, 80, 2.6)))
    assert len(bridges) == 2


def test_a_bright_vessel_is_bridged_with_the_other_polarity() -> None:
    mask = label(TOP, cylinder(6, 32, 2.6))
    vessel = scan(cylinder(6, 80, 2.6), inside=350.0, outside=-60.0)
    assert len(bridge_gaps(mask, vessel, BridgeOptions(polarity=Polarity.BRIGHT))[1]) == 1
    assert bridge_gaps(mask, vessel)[1] == ()


def test_crumbs_and_whole_masks_are_left_alone_and_empty_ones_refused() -> None:
    crumb = np.zeros(GRID.shape_kji, dtype=bool)
    crumb[46, 25, 25] = True
    mask = label(TOP, crumb)
    assert bridge_gaps(mask, None) == (mask, ())
    assert bridge_gaps(label(TOP), None)[1] == ()
    with pytest.raises(InputError, match="empty"):
        bridge_gaps(label(np.zeros(GRID.shape_kji, dtype=bool)), None)
