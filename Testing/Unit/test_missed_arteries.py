"""Arteries that a reader marks besides those found: all are looked for together."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from small_tree import fork

from CardiacCTALib.missed import JOINED_MM, with_missed
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.tree import Tree


@pytest.fixture
def tree() -> Tree:
    return fork()


def test_what_was_found_keeps_its_ostium_and_every_tip(tree: Tree) -> None:
    (found,) = with_missed([tree], [])
    assert found.ostium_lps_mm == pytest.approx(tuple(tree.root.points_lps_mm[0]))
    assert sorted(found.tips_lps_mm) == [(20.0, 0.0, 10.0), (20.0, 10.0, 0.0)]


def test_a_mark_on_an_artery_found_is_a_branch_of_it_and_one_away_is_its_own(tree: Tree) -> None:
    tip = np.array([60.0, 0.0, 0.0])
    near = tree.root.points_lps_mm[-1] + np.array([0.0, 0.0, JOINED_MM - 1.0])
    far = tree.root.points_lps_mm[0] - np.array([40.0, 0.0, 0.0])
    joined, own = with_missed([tree], [np.array([near, tip]), np.array([far, tip, tip + 5.0])])
    assert joined.tips_lps_mm[-1] == tuple(tip)
    assert len(joined.tips_lps_mm) == len(tree.tips) + 1
    assert own.ostium_lps_mm == tuple(far)
    assert own.tips_lps_mm == (tuple(tip), tuple(tip + 5.0))
    (alone,) = with_missed([], [np.array([far, tip])])
    assert alone.tips_lps_mm == (tuple(tip),)


def test_an_artery_without_a_tip_is_refused(tree: Tree) -> None:
    with pytest.raises(InputError, match="tip"):
        with_missed([tree], [np.array([[0.0, 0.0, 0.0]])])
