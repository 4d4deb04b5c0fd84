"""Suspected leaks lose their names and are told to the reader."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from LungAirwayLib.suspects import suspect_warnings, without_names_on_suspects
from SenseCarePlanningLib.tubes.tree import Branch, BranchFlag, BranchLabel, Tree

LEAK = frozenset({BranchFlag.LEAK_SUSPECTED})


def branch(number: int, parent: int | None, children: tuple[int, ...], generation: int, flags: frozenset[BranchFlag]) -> Branch:
    points = np.array([[0.0, 0, -10 * generation], [0, 0, -10 * generation - 10]])
    radius = np.full(2, 2.0)
    return Branch(
        number, parent, children, points, radius, np.stack([radius, radius], axis=1), np.tile(np.eye(3), (2, 1, 1)),
        generation=generation, label=BranchLabel(f"B{number}", 0.99), flags=flags,
    )  # fmt: skip


def tree() -> Tree:
    none: frozenset[BranchFlag] = frozenset()
    rows = [branch(0, None, (1,), 0, LEAK), branch(1, 0, (2,), 1, none), branch(2, 1, (3, 4), 2, LEAK), branch(3, 2, (), 3, LEAK)]
    rows.append(branch(4, 2, (), 3, none))
    return Tree({row.id: row for row in rows}, 0)


def test_only_a_suspect_that_leads_nowhere_loses_its_name() -> None:
    labels = {row.id: row.label for row in without_names_on_suspects(tree())}
    assert [number for number, label in labels.items() if label is None] == [3]


def test_the_reader_is_told_how_many_there_are() -> None:
    assert suspect_warnings(tree(), None) == ("3 of 5 airways may be leaks; they are marked in the table of all branches.",)


def test_a_clean_tree_says_nothing() -> None:
    clean = Tree({row.id: replace(row, flags=frozenset()) for row in tree()}, 0)
    assert suspect_warnings(clean, None) == ()
    assert without_names_on_suspects(clean).branches == clean.branches
