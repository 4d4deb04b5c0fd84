"""Every branch has a name of its own, by rules that depend on the tree alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from LungAirwayLib.branch_names import trunk_name, with_unique_names
from LungAirwayLib.labels import label_tree
from LungAirwayLib.naming import display_name, lobe_of, split_code
from SenseCarePlanningLib.tubes.assemble import no_frames
from SenseCarePlanningLib.tubes.tree import Branch, BranchLabel, Tree

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def drawn(rows):
    """Build a tree from ``id: (parent, end point)``."""
    ends = {number: np.array(end, dtype=float) for number, (_, end) in rows.items()}
    branches = {
        number: Branch(
            number,
            parent,
            tuple(child for child, (above, _) in rows.items() if above == number),
            np.linspace(ends[parent] if parent is not None else ends[number] + (0, 0, 30), ends[number], 5),
            np.full(5, 1.5),
            np.full((5, 2), 1.5),
            no_frames(5),
        )
        for number, (parent, _) in rows.items()
    }
    return Tree(branches, next(number for number, (parent, _) in rows.items() if parent is None))


def named(rows, codes, trunks):
    tree = drawn(rows)
    labels = {branch.id: BranchLabel(codes[branch.id], 0.9) if codes[branch.id] else None for branch in tree}
    found = with_unique_names(tree, labels, trunks)
    return {number: label.code if label is not None else None for number, label in found.items()}


def test_letters_romans_and_numbers_follow_the_generations():
    rows = {
        0: (None, (0, 0, 0)), 1: (0, (-20, 0, 0)),
        2: (1, (-60, -10, 0)), 3: (1, (-30, -60, 0)),
        4: (2, (-80, -5, 20)), 5: (2, (-80, -20, -20)),
        6: (4, (-95, 10, 30)), 7: (4, (-95, -10, 20)),
        8: (6, (-99, 12, 40)), 9: (6, (-99, 12, 20)),
    }  # fmt: skip
    names = named(rows, {0: "RULB", **dict.fromkeys(range(1, 10), "RB3")}, {0: "RULB"})
    assert names == {
        0: "RULB", 1: "RB3", 2: "RB3a", 3: "RB3b", 4: "RB3ai", 5: "RB3aii",
        6: "RB3ai-1", 7: "RB3ai-2", 8: "RB3ai-1-1", 9: "RB3ai-1-2",
    }  # fmt: skip


def test_a_side_branch_is_no_division():
    rows = {0: (None, (0, 0, 0)), 1: (0, (-10, 10, 0)), 2: (1, (-5, 20, 0)), 3: (1, (-10, 20, 5))}
    rows |= {number: (3 if number < 6 else 4, (-10 * number, 40, 10)) for number in range(4, 14)}
    names = named(rows, {0: "RLLB", **dict.fromkeys(range(1, 14), "RB6")}, {0: "RLLB"})
    assert [names[number] for number in (1, 2, 3)] == ["RB6", "RB6-1", "RB6.2"]
    assert len(set(names.values())) == len(names)


def test_parts_of_trunks_further_pieces_and_uncertain_branches():
    rows = {0: (None, (0, 0, 0)), 1: (0, (-5, 0, -20)), 2: (0, (-9, 0, 0)), 3: (1, (-5, 30, -30)), 4: (1, (-5, 0, -60)),
            5: (3, (-5, 40, -30)), 6: (3, (-5, 40, -40)), 7: (4, (-5, 5, -90)), 8: (4, (-35, 5, -90))}  # fmt: skip
    codes = {0: "BI", 1: "BI", 2: None, 3: "RLLB", 4: "RB9", 5: "RLLB", 6: "RLLB", 7: "RB9", 8: "RB9"}
    names = named(rows, codes, {0: "BI", 1: "BI"})
    assert [names[number] for number in (0, 1, 2, 3)] == ["BI", "BI.2", None, "below RLLB 1"]
    assert {names[5], names[6]} == {"below RLLB 1-1", "below RLLB 1-2"}
    assert trunk_name(["RB10", "RB9"]) == "RB9+10"


def test_a_segment_in_two_pieces_has_two_names():
    rows = {0: (None, (0, 0, 0)), 1: (0, (-20, 0, 10)), 2: (0, (-20, 30, 0)), 3: (1, (-30, 0, 30)), 4: (1, (-40, 9, 20))}
    names = named(rows, {0: "RULB", 1: "RB1", 2: "RB1", 3: "RB1", 4: "RB1"}, {0: "RULB"})
    assert (names[1], names[2]) == ("RB1", "RB1*")
    assert len(set(names.values())) == 5


def test_names_do_not_depend_on_the_order_of_the_children_or_their_numbers():
    rows = {0: (None, (0, 0, 0)), 1: (0, (20, 0, 0)), 2: (1, (60, -10, 0)), 3: (1, (30, -60, 0)), 4: (1, (30, -30, 50))}
    turned = {0: rows[0], 1: rows[1], 7: rows[4], 6: rows[3], 5: rows[2]}
    codes = {0: "LUDB", **dict.fromkeys(range(1, 8), "LB3")}
    one, other = named(rows, codes, {0: "LUDB"}), named(turned, codes, {0: "LUDB"})
    assert [one[number] for number in (2, 3, 4)] == [other[number] for number in (5, 6, 7)] == ["LB3a", "LB3b", "LB3c"]


def test_a_comb_of_many_side_branches_is_named_without_repeats():
    rows = {0: (None, (0, 0, 0)), 1: (0, (-10, 0, 0))}
    for step in range(40):
        rows[2 * step + 2] = (2 * step + 1, (-10 - step, 5, 10))
        rows[2 * step + 3] = (2 * step + 1, (-11 - step, 0, 0))
    names = named(rows, {0: "RLLB", **dict.fromkeys(range(1, 82), "RB9")}, {0: "RLLB"})
    assert len(set(names.values())) == len(rows)
    for name in names.values():
        assert split_code(name)[0] in ("RLLB", "RB9")


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("case", ["lidc_patient1/bronchialTree", "lidc_patient3/bronchialTree"])
def test_names_on_real_trees_are_unique_and_readable(case):
    path = DATA / "airway_masks" / f"{case}.nii.gz"
    if not path.is_file():
        pytest.skip("the development data is not beside this checkout")
    from LungAirwayLib.given_mask import airway_from_mask
    from SenseCarePlanningLib.dicomio.files import read_label_map
    from SenseCarePlanningLib.progress import Progress
    from SenseCarePlanningLib.tubes.build import build_tree

    found = airway_from_mask(read_label_map(path), None, Progress())
    tree = label_tree(build_tree(found.airway, root_lps_mm=found.root_lps_mm))
    codes = [branch.label.code for branch in tree if branch.label is not None]
    assert len(codes) > 0.8 * len(tree)
    assert len(set(codes)) == len(codes)
    for language in ("en", "zh"):
        assert len({display_name(code, language) for code in codes}) == len(codes)
    assert {lobe_of(code) for code in codes} >= {1, 2, 3, 4, 5}
    numbers = {branch.id: 1000 - branch.id for branch in tree}
    swapped = {
        numbers[branch.id]: replace(
            branch,
            id=numbers[branch.id],
            parent_id=None if branch.parent_id is None else numbers[branch.parent_id],
            child_ids=tuple(numbers[child] for child in reversed(branch.child_ids)),
        )
        for branch in tree
    }
    again = label_tree(replace(tree, branches=swapped, root_id=numbers[tree.root_id]))
    for branch in tree:
        other = again[numbers[branch.id]].label
        assert (None if branch.label is None else branch.label.code) == (None if other is None else other.code)
