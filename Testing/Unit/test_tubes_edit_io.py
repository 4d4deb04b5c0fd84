"""Edits return whole trees, and trees survive the disk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from SenseCarePlanningLib.errors import InputError, SenseCareError
from SenseCarePlanningLib.tubes import edit
from SenseCarePlanningLib.tubes.assemble import assemble, no_frames
from SenseCarePlanningLib.tubes.io import load_tree, read_tree_vtp, save_tree, write_tree_vtp
from SenseCarePlanningLib.tubes.tree import Branch, BranchFlag, BranchLabel, Bridge, RemovedLoop, Tree


def straight(branch_id: int, parent: int | None, start: object, stop: object, radius: float) -> Branch:
    points = np.linspace(np.asarray(start, dtype=float), np.asarray(stop, dtype=float), 41)
    radii = np.linspace(radius, 0.9 * radius, 41)
    return Branch(branch_id, parent, (), points, radii, np.stack([radii - 0.1, radii + 0.1], axis=1), no_frames(41))


@pytest.fixture
def tree() -> Tree:
    """Five branches: 0 -> (1, 2), 1 -> (3, 4)."""
    branches = [
        straight(0, None, [0, 0, 60], [0, 0, 20], 6),
        straight(1, 0, [0, 0, 20], [20, 0, 0], 4),
        straight(2, 0, [0, 0, 20], [-20, 0, 0], 3),
        straight(3, 1, [20, 0, 0], [30, 10, -20], 2),
        straight(4, 1, [20, 0, 0], [30, -10, -20], 2),
    ]
    return assemble(
        branches,
        0,
        loops_removed=(RemovedLoop(np.array([[1, 2, 3], [4, 5, 6.5]]), 0.55),),
        bridges=(Bridge(np.array([[0.1, 0, 0], [1, 0, 0]]), 0.9, 0.7, "seen"),),
        notes=("made by hand",),
    )


def the_same(first: Tree, second: Tree) -> None:
    assert list(first.branches) == list(second.branches)
    assert (first.root_id, first.notes) == (second.root_id, second.notes)
    for one, other in zip(first, second, strict=True):
        for name in ("points_lps_mm", "radius_mm", "radius_interval_mm", "frames"):
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
        for name in ("parent_id", "child_ids", "generation", "strahler_order", "horsfield_order", "label", "flags", "confidence"):
            assert getattr(one, name) == getattr(other, name), name


def test_json_brings_every_bit_back(tree: Tree, tmp_path: Path) -> None:
    odd = replace(tree[3], radius_mm=np.where(np.arange(41) == 7, np.nan, tree[3].radius_mm / 3.0))
    labelled = replace(tree[1], label=BranchLabel("RMB", 0.1 + 0.2, (("LMB", 1 / 3),)), flags=frozenset(BranchFlag))
    before = tree.with_branches({3: odd, 1: labelled})
    save_tree(before, tmp_path / "tree.json")
    after = load_tree(tmp_path / "tree.json")
    the_same(before, after)
    assert after.loops_removed[0].minimum_radius_mm == 0.55
    np.testing.assert_array_equal(after.loops_removed[0].points_lps_mm, before.loops_removed[0].points_lps_mm)
    assert (after.bridges[0].gap_mm, after.bridges[0].reason) == (0.9, "seen")
    document = json.loads((tmp_path / "tree.json").read_text())
    assert (document["space"], document["version"]) == ("LPS", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["tree.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "other"}', '{"schema": "sensecare.tubes.tree", "version": 99}'])
def test_what_is_no_tree_is_refused_in_words(text: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"broken\.json"):
        load_tree(path)


def test_a_damaged_tree_and_a_missing_file_are_refused(tree: Tree, tmp_path: Path) -> None:
    path = tmp_path / "tree.json"
    save_tree(tree, path)
    document = json.loads(path.read_text())
    del document["branches"][2]["points_lps_mm"]
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="damaged"):
        load_tree(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_tree(tmp_path / "nowhere.json")


@pytest.mark.parametrize("version", [True, 1.0, "1", 2])
def test_a_tree_of_an_unknown_version_is_refused(version: object, tree: Tree, tmp_path: Path) -> None:
    path = tmp_path / "tree.json"
    save_tree(tree, path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": version}))
    with pytest.raises(InputError, match="another version"):
        load_tree(path)


def test_a_failed_write_leaves_the_old_file(tree: Tree, tmp_path: Path) -> None:
    path = tmp_path / "tree.json"
    save_tree(tree, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        save_tree(replace(tree, branches={0: replace(tree.root, confidence=np.inf)}), path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_vtp_carries_arrays_and_the_space_for_slicer(tree: Tree, tmp_path: Path) -> None:
    from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

    labelled = edit.relabel(tree, 2, "左主支气管")
    write_tree_vtp(labelled, tmp_path / "tree.vtp")
    reader = vtkXMLPolyDataReader()
    reader.SetFileName(str(tmp_path / "tree.vtp"))
    reader.Update()
    data = reader.GetOutput()
    assert (data.GetNumberOfLines(), data.GetNumberOfPoints()) == (5, 5 * 41)
    assert data.GetFieldData().GetAbstractArray("SPACE").GetValue(0) == "LPS"
    for name in ("BranchId", "ParentId", "Generation", "Confidence", "LabelId"):
        assert data.GetCellData().GetArray(name).GetNumberOfTuples() == 5
        assert data.GetPointData().GetArray(name).GetNumberOfTuples() == 205
    back = read_tree_vtp(tmp_path / "tree.vtp")
    assert back[2].label is not None
    assert back[2].label.code == "左主支气管"
    assert back[2].flags == labelled[2].flags
    for one, other in zip(labelled, back, strict=True):
        np.testing.assert_array_equal(one.points_lps_mm, other.points_lps_mm)
        np.testing.assert_array_equal(one.radius_interval_mm, other.radius_interval_mm)
        np.testing.assert_allclose(one.frames, other.frames, atol=1e-12)
        assert (one.parent_id, one.generation) == (other.parent_id, other.generation)


def test_vtp_that_is_no_tree_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.vtp").write_text("nothing")
    with pytest.raises(InputError):
        read_tree_vtp(tmp_path / "x.vtp")
    with pytest.raises(InputError, match="does not exist"):
        read_tree_vtp(tmp_path / "y.vtp")


def test_frames_continue_from_parent_to_child_without_a_jump(tree: Tree) -> None:
    for branch in tree:
        for child in tree.children(branch.id):
            axis = np.cross(branch.frames[-1, 0], child.frames[0, 0])
            before, after = branch.frames[-1, 1] @ axis, child.frames[0, 1] @ axis
            assert before == pytest.approx(after, abs=1e-9)


def test_a_cut_takes_the_part_beyond_off_and_a_bridge_puts_it_back(tree: Tree) -> None:
    done = edit.cut(tree, 1, 10.0)
    assert sorted(done.tree.branches) == [0, 1, 2]
    assert done.tree[1].length_mm == pytest.approx(10.0)
    assert BranchFlag.MANUALLY_EDITED in done.tree[1].flags
    assert sorted(done.detached.branches) == [1, 3, 4]
    assert done.tree.total_length_mm + done.detached.total_length_mm == pytest.approx(tree.total_length_mm)
    assert done.tree.root.horsfield_order == 2
    back = edit.bridge(done.tree, 1, done.detached)
    assert sorted(back.branches) == [0, 1, 2, 3, 4]
    assert [back[one].generation for one in range(5)] == [0, 1, 1, 2, 2]
    assert [back[one].strahler_order for one in range(5)] == [tree[one].strahler_order for one in range(5)]
    assert back.total_length_mm == pytest.approx(tree.total_length_mm)
    np.testing.assert_allclose(back[3].frames, tree[3].frames, atol=1e-6)
    assert BranchFlag.BRIDGED in back[1].flags
    assert len(back.bridges) == 2
    np.testing.assert_array_equal(tree[1].points_lps_mm, np.linspace([0, 0, 20], [20, 0, 0], 41))


def test_a_cut_at_the_start_merges_what_is_left(tree: Tree) -> None:
    done = edit.cut(tree, 1, 0.0)
    assert list(done.tree.branches) == [0]
    assert done.tree.root.length_mm == pytest.approx(tree[0].length_mm + tree[2].length_mm)
    assert sorted(done.detached.branches) == [1, 3, 4]


def test_a_tip_that_is_deleted_joins_its_sibling_to_the_parent(tree: Tree) -> None:
    done = edit.delete(tree, 4)
    assert sorted(done.branches) == [0, 1, 2]
    assert done[1].length_mm == pytest.approx(tree[1].length_mm + tree[3].length_mm)
    assert done.root.strahler_order == 2
    assert done[1].frames.shape == (81, 3, 3)


def test_a_drawn_bridge_from_the_middle_splits_the_branch(tree: Tree) -> None:
    done = edit.bridge(tree, 2, [[-10, 5, 5], [-10, 15, 0]], at_mm=14.0)
    assert len(done) == 7
    assert done[2].length_mm == pytest.approx(14.0)
    first, second = done.children(2)
    lengths = sorted([first.length_mm, second.length_mm])
    assert lengths[0] == pytest.approx(tree[2].length_mm - 14.0)
    assert BranchFlag.BRIDGED in done[6].flags
    assert done[6].points_lps_mm[-1] == pytest.approx([-10, 15, 0])


def test_bridging_over_a_gap_draws_the_missing_course(tree: Tree) -> None:
    piece = assemble([straight(9, None, [-24, 0, -4], [-40, 0, -20], 2)], 9)
    done = edit.bridge(tree, 2, piece)
    assert list(done.branches) == [0, 1, 2, 3, 4]
    assert done[2].length_mm == pytest.approx(tree[2].length_mm + np.hypot(4, 4) + np.hypot(16, 16))
    assert np.linalg.norm(np.diff(done[2].points_lps_mm, axis=0), axis=1).max() < 1.0


def test_reroot_there_and_back_is_the_same_tree(tree: Tree) -> None:
    turned = edit.reroot(tree, 3)
    assert turned.root_id == 3
    assert turned.root.points_lps_mm[0] == pytest.approx([30, 10, -20])
    assert turned[0].points_lps_mm[-1] == pytest.approx([0, 0, 60])
    assert [turned[one].generation for one in range(5)] == [2, 1, 2, 0, 1]
    back = edit.reroot(turned, 0)
    for one in tree:
        np.testing.assert_allclose(back[one.id].points_lps_mm, one.points_lps_mm)
        assert (back[one.id].parent_id, back[one.id].generation) == (one.parent_id, one.generation)


def test_labels_are_given_and_taken_away(tree: Tree) -> None:
    named = edit.relabel(tree, 3, "RB6")
    assert named[3].label == BranchLabel("RB6", 1.0)
    assert edit.relabel(named, 3, None)[3].label is None


def test_impossible_edits_are_refused_in_words(tree: Tree) -> None:
    piece = edit.cut(tree, 2, 5.0).detached
    for attempt in (
        lambda: edit.cut(tree, 99, 1.0),
        lambda: edit.cut(tree, 1, -1.0),
        lambda: edit.cut(tree, 1, 1000.0),
        lambda: edit.cut(tree, 1, float("nan")),
        lambda: edit.cut(tree, 1, np.array([10.0, 0.0, 5.0])),
        lambda: edit.cut(tree, 1, "there"),
        lambda: edit.cut(tree, np.array([1, 2]), 5.0),
        lambda: edit.bridge(tree, 1, [[40.0, 0, 0]], at_mm=np.array([10.0, 0.0, 5.0])),
        lambda: edit.cut(tree, 0, 0.0),
        lambda: edit.delete(tree, 0),
        lambda: edit.delete(tree, -3),
        lambda: edit.relabel(tree, 1, "  "),
        lambda: edit.reroot(tree, 1),
        lambda: edit.bridge(tree, 77, piece),
        lambda: edit.bridge(tree, 2, piece, at_mm=500.0),
        lambda: edit.bridge(tree, 2, np.zeros((0, 3))),
        lambda: edit.bridge(tree, 2, [[np.nan, 0, 0]]),
        lambda: edit.bridge(tree, 2, [[-20, 0, 0.0]]),
    ):
        with pytest.raises(SenseCareError) as caught:
            attempt()
        assert caught.value.user_message.endswith(".")


def test_inconsistent_branches_make_no_tree(tree: Tree) -> None:
    branches = list(tree)
    for wrong in (
        [*branches, branches[1]],
        branches[1:],
        [*branches, straight(7, None, [0, 0, 0], [1, 1, 1], 1)],
        [*branches, straight(7, 55, [0, 0, 0], [1, 1, 1], 1)],
        [*branches, straight(7, 8, [0, 0, 0], [1, 1, 1], 1), straight(8, 7, [0, 0, 0], [1, 1, 1], 1)],
    ):
        with pytest.raises(SenseCareError):
            assemble(wrong, 0)
