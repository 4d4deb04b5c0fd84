"""A main or lobar bronchus far narrower than the airway before it is told to the reader."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from LungAirwayLib.narrowing import narrowing_warnings
from SenseCarePlanningLib.geometry import resample_polyline
from SenseCarePlanningLib.i18n import translator
from SenseCarePlanningLib.tubes.tree import Branch, BranchLabel, Tree


def branch(number: int, code: str, end: tuple[float, float, float], radius_mm: float, children: tuple[int, ...] = ()) -> Branch:
    line = resample_polyline(np.array([(0.0, 0.0, 0.0), end]), 0.5)
    radii = np.full(len(line), radius_mm)
    parent = None if number == 0 else 0
    return Branch(
        number, parent, children, line, radii, np.stack([radii, radii], axis=1), np.broadcast_to(np.eye(3), (len(line), 3, 3)),
        generation=min(number, 1), label=BranchLabel(code, 1.0),
    )  # fmt: skip


def tree(right_radius_mm: float, length_mm: float = 40.0, code: str = "RMB") -> Tree:
    return Tree(
        {
            0: branch(0, "trachea", (0.0, 0.0, 60.0), 9.0, (1, 2)),
            1: branch(1, code, (-length_mm, 0.0, 0.0), right_radius_mm),
            2: branch(2, "LMB", (40.0, 0.0, -20.0), 6.0),
        },
        0,
    )


def test_a_filled_main_bronchus_is_told_with_both_diameters() -> None:
    (said,) = narrowing_warnings(tree(3.0))
    assert "right main bronchus, on the whole 6.0 mm after 18.0 mm" in said


@pytest.mark.parametrize("usual", [tree(6.0), tree(3.0, length_mm=4.0), tree(3.0, code="RMLB")])
def test_usual_calibres_stubs_and_the_middle_lobe_are_not(usual: Tree) -> None:
    assert narrowing_warnings(usual) == ()


def test_the_sentence_is_known_in_chinese() -> None:
    (said,) = narrowing_warnings(tree(3.0))
    told = translator("zh").sentence(said)
    assert "6.0" in told
    assert "Narrow" not in told


def test_a_bronchus_divided_by_a_side_branch_counts_with_its_widest_part() -> None:
    parts = {
        0: branch(0, "RMB", (0.0, 0.0, 30.0), 6.0, (1,)),
        1: branch(1, "RMB.2", (-10.0, 0.0, 0.0), 4.5, (2,)),
        2: replace(branch(2, "BI", (-20.0, 0.0, -30.0), 2.7), parent_id=1),
    }
    (said,) = narrowing_warnings(Tree(parts, 0))
    assert "5.4 mm after 12.0 mm" in said
