"""Anatomical names on trees drawn by hand from the anatomy: complete, with variants, mirrored and broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from LungAirwayLib.labels import label_tree
from LungAirwayLib.name_remarks import variant_sentences
from LungAirwayLib.naming import segment_of
from SenseCarePlanningLib.geometry import resample_polyline
from SenseCarePlanningLib.i18n import translator
from SenseCarePlanningLib.tubes.tree import Branch, Tree

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"

# name: (parent, end point in mm from the carina: left, posterior, superior); the trachea ends in the carina
NORMAL = {
    "trachea": (None, (0, 0, 0)),
    "RMB": ("trachea", (-16, 4, -16)),
    "RULB": ("RMB", (-32, 3, -10)),
    "RB1": ("RULB", (-38, 2, 18)),
    "RB2": ("RULB", (-52, 24, 2)),
    "RB3": ("RULB", (-48, -24, -8)),
    "BI": ("RMB", (-24, 8, -42)),
    "RMLB": ("BI", (-36, -8, -54)),
    "RB4": ("RMLB", (-62, -24, -68)),
    "RB5": ("RMLB", (-40, -44, -72)),
    "RLLB": ("BI", (-28, 12, -52)),
    "RB6": ("RLLB", (-40, 46, -52)),
    "RB7+8+9+10": ("RLLB", (-34, 16, -66)),
    "RB7": ("RB7+8+9+10", (-26, 8, -98)),
    "RB8+9+10": ("RB7+8+9+10", (-38, 18, -74)),
    "RB8": ("RB8+9+10", (-64, -8, -102)),
    "RB9+10": ("RB8+9+10", (-41, 22, -82)),
    "RB9": ("RB9+10", (-66, 24, -112)),
    "RB10": ("RB9+10", (-42, 48, -118)),
    "LMB": ("trachea", (42, 10, -26)),
    "LULB": ("LMB", (54, 4, -26)),
    "LUDB": ("LULB", (60, 0, -18)),
    "LB1+2": ("LUDB", (62, 10, 14)),
    "LB3": ("LUDB", (70, -28, -6)),
    "LingB": ("LULB", (66, -8, -38)),
    "LB4": ("LingB", (84, -24, -48)),
    "LB5": ("LingB", (74, -30, -66)),
    "LLLB": ("LMB", (48, 18, -42)),
    "LB6": ("LLLB", (56, 48, -44)),
    "LB8+9+10": ("LLLB", (52, 22, -60)),
    "LB8": ("LB8+9+10", (74, -4, -94)),
    "LB9+10": ("LB8+9+10", (56, 28, -76)),
    "LB9": ("LB9+10", (82, 30, -106)),
    "LB10": ("LB9+10", (58, 54, -112)),
}


def make_tree(spec, turn=None):
    """Build a tree of straight branches from ``name -> (parent, end)``."""
    ids = {name: number for number, name in enumerate(spec)}
    ends = {name: np.array(end, dtype=float) for name, (_, end) in spec.items()}
    branches = {}
    for name, (parent, _) in spec.items():
        start = ends[parent] if parent else np.array([0.0, -10.0, 90.0])
        line = resample_polyline(np.stack([start, ends[name]]), 1.0)
        line = line if turn is None else line @ turn.T
        count = len(line)
        branches[ids[name]] = Branch(
            id=ids[name],
            parent_id=None if parent is None else ids[parent],
            child_ids=tuple(ids[child] for child, (above, _) in spec.items() if above == name),
            points_lps_mm=line,
            radius_mm=np.full(count, 2.0),
            radius_interval_mm=np.full((count, 2), 2.0),
            frames=np.broadcast_to(np.eye(3), (count, 3, 3)),
        )
    root = next(ids[name] for name, (parent, _) in spec.items() if parent is None)
    return Tree(branches, root), ids


def codes_of(spec, **options):
    tree, ids = make_tree(spec, **options)
    labelled = label_tree(tree)
    return {name: labelled[number].label.code if labelled[number].label else None for name, number in ids.items()}, labelled


def test_a_normal_tree_gets_every_name():
    codes, labelled = codes_of(NORMAL)
    for name in NORMAL:
        assert codes[name] == name
    for branch in labelled:
        assert 0.0 < branch.label.confidence <= 1.0


def test_the_patients_right_stays_right_when_the_order_of_the_children_changes():
    shuffled = {name: NORMAL[name] for name in sorted(NORMAL, key=lambda name: (NORMAL[name][0] is not None, name))}
    codes, _ = codes_of(shuffled)
    assert all(codes[name] == name for name in NORMAL)


def test_a_patient_lying_turned_by_ten_degrees_keeps_the_names():
    angle = np.radians(10.0)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
    codes, _ = codes_of(NORMAL, turn=turn)
    assert all(codes[name] == name for name in NORMAL)


def test_a_missing_lb7_is_no_error_and_is_noted():
    _, labelled = codes_of(NORMAL)
    assert any(note.startswith("LB7 not found") for note in labelled.notes)


def test_a_missing_rb7_leaves_the_other_basal_names_alone():
    spec = {name: row for name, row in NORMAL.items() if name != "RB7"}
    codes, labelled = codes_of(spec)
    assert [codes[name] for name in ("RB8", "RB9", "RB10")] == ["RB8", "RB9", "RB10"]
    assert any(note.startswith("RB7 not found") for note in labelled.notes)


def test_a_common_trunk_of_the_apical_and_anterior_segments_is_noted():
    spec = {**NORMAL, "trunk13": ("RULB", (-38, -4, 0)), "RB1": ("trunk13", (-38, 2, 22)), "RB3": ("trunk13", (-48, -28, -8))}
    codes, labelled = codes_of(spec)
    assert [codes[name] for name in ("RULB", "RB1", "RB2", "RB3", "trunk13")] == ["RULB", "RB1", "RB2", "RB3", "RB1+3"]
    assert "common trunk RB1 and RB3" in labelled.notes
    assert variant_sentences(labelled) == ("Variant: common trunk of RB1, RB3.",)
    assert translator("zh").sentence("Variant: common trunk of RB1, RB3.") == "变异：RB1, RB3 共干。"


def test_a_tracheal_bronchus_is_named_and_noted():
    spec = {"upper": (None, (0, -2, 18)), **NORMAL, "trachea": ("upper", (0, 0, 0)), "RB1": ("upper", (-38, 2, 38))}
    codes, labelled = codes_of(spec)
    assert codes["upper"] == "trachea"
    assert codes["RB1"] == "RB1"
    assert any(note.startswith("tracheal bronchus") for note in labelled.notes)
    assert "Variant: RB1 leaves the trachea (tracheal bronchus)." in variant_sentences(labelled)


def test_an_accessory_cardiac_bronchus_is_named_and_noted():
    spec = {**NORMAL, "BI": ("half", (-24, 8, -42)), "half": ("RMB", (-20, 6, -29)), "extra": ("half", (-10, 3, -38))}
    spec = {
        name: spec[name]
        for name in ("trachea", "RMB", "half", *(name for name in spec if name not in ("trachea", "RMB", "half")))
    }
    codes, labelled = codes_of(spec)
    assert [codes[name] for name in ("half", "extra", "BI")] == ["BI", "accessory_cardiac", "BI.2"]
    assert all(codes[name] == name for name in NORMAL if name != "BI")
    assert any(note.startswith("accessory cardiac bronchus") for note in labelled.notes)


def test_a_stub_above_the_upper_lobe_bronchus_gets_no_name_of_a_lower_segment():
    without_six = {name: row for name, row in NORMAL.items() if name not in ("RB6", "trachea", "RMB")}
    spec = {
        "trachea": NORMAL["trachea"],
        "first": ("trachea", (-9, 3, -10)),
        "RMB": ("first", (-16, 4, -16)),
        "stub": ("first", (-14, 14, -12)),
        **without_six,
    }
    codes, labelled = codes_of(spec)
    assert codes["stub"] is None
    assert "RB6" not in codes.values()
    assert any(note.startswith("misplaced branch") for note in labelled.notes)
    assert all(codes[name] == name for name in ("RULB", "RB1", "RB2", "RB3", "RB4", "RB5", "RB7", "RB10", "LB6"))
    assert label_tree(labelled).notes == labelled.notes


def test_a_middle_lobe_that_is_not_in_the_tree_is_said():
    spec = {name: row for name, row in NORMAL.items() if name not in ("RMLB", "RB4", "RB5")}
    codes, labelled = codes_of(spec)
    assert codes["RB6"] == "RB6"
    assert not {"RMLB", "RB4", "RB5"} & set(codes.values())
    assert any("RMLB" in note for note in labelled.notes)


def test_a_tree_of_one_lung_is_not_named():
    spec = {name: row for name, row in NORMAL.items() if name == "trachea" or (name.startswith("L") and name != "LMB")}
    spec["LULB"] = ("trachea", (54, 4, -26))
    spec["LLLB"] = ("trachea", (48, 18, -42))
    tree, _ = make_tree(spec)
    labelled = label_tree(tree)
    assert all(branch.label is None for branch in labelled)
    assert "no carina found" in labelled.notes[-1]


def test_a_single_branch_is_not_named():
    tree, _ = make_tree({"trachea": (None, (0, 0, 0))})
    assert label_tree(tree).root.label is None


def test_branches_below_a_segment_carry_its_code_and_a_letter():
    spec = {**NORMAL, "RB6a": ("RB6", (-38, 60, -40)), "RB6b": ("RB6", (-58, 56, -54)), "RB6c": ("RB6", (-36, 58, -68))}
    codes, _ = codes_of(spec)
    assert [codes[name] for name in ("RB6", "RB6a", "RB6b", "RB6c")] == ["RB6", "RB6a", "RB6b", "RB6c"]


def test_a_lobar_bronchus_that_shows_no_segments_keeps_its_lobar_name():
    spec = {name: row for name, row in NORMAL.items() if name not in ("RB4", "RB5")}
    codes, _ = codes_of(spec)
    assert codes["RMLB"] == "RMLB"
    assert segment_of(codes["RMLB"]) is None


def test_naming_a_tree_again_repeats_no_note():
    spec = {name: row for name, row in NORMAL.items() if name not in ("RMLB", "RB4", "RB5")}
    tree, _ = make_tree(spec)
    once = label_tree(replace(tree, notes=("3 spurs removed",)))
    again = label_tree(once)
    assert again.notes == once.notes
    assert again.notes[0] == "3 spurs removed"


def test_the_usual_basal_trunks_are_no_variant():
    _, labelled = codes_of(NORMAL)
    assert not any(note.startswith("common trunk") for note in labelled.notes)


def test_a_stub_straight_below_the_intermediate_bronchus_is_the_lower_lobe():
    """Secretions fill the basal trunk after 9 mm; the only branches left run forwards to the middle lobe."""
    gone = ("RLLB", "RB6", "RB7+8+9+10", "RB7", "RB8+9+10", "RB8", "RB9+10", "RB9", "RB10")
    spec = {name: row for name, row in NORMAL.items() if name not in gone}
    spec |= {"RMLB": ("BI", (-38, 1, -66)), "RB4": ("RMLB", (-56, -14, -92)), "RB5": ("RMLB", (-42, -26, -82))}
    spec |= {"RLLB": ("BI", (-23, 9, -51))}
    codes, _ = codes_of(spec)
    assert [codes[name] for name in ("RMLB", "RB4", "RB5", "RLLB")] == ["RMLB", "RB4", "RB5", "RLLB"]


def test_nothing_else_of_the_tree_changes():
    tree, _ = make_tree(NORMAL)
    labelled = label_tree(tree)
    for branch in tree:
        assert replace(labelled[branch.id], label=None).points_lps_mm is branch.points_lps_mm
        assert labelled[branch.id].child_ids == branch.child_ids


@pytest.mark.data
def test_lobar_names_agree_with_the_lobes_of_a_real_patient():
    """The tips of a real tree lie in the lobes that their names say (lobe masks drawn by others)."""
    folder = DATA / "airway_masks" / "lobes_patient3"
    if not folder.is_dir():
        pytest.skip("the development data is not beside this checkout")
    import SimpleITK as sitk

    from LungAirwayLib.naming import lobe_of
    from SenseCarePlanningLib.tubes.build import build_tree
    from SenseCarePlanningLib.volume import LabelMap

    def read(name):
        image = sitk.ReadImage(str(folder / f"{name}.nii.gz"))
        affine = np.eye(4)
        affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) @ np.diag(image.GetSpacing())
        affine[:3, 3] = image.GetOrigin()
        return LabelMap((sitk.GetArrayFromImage(image) > 0).astype(np.uint8), affine)

    mask = read("BronchialTree")
    top = np.argwhere(mask.array_kji[np.flatnonzero(mask.array_kji.any(axis=(1, 2)))[-1]]).mean(axis=0)
    level = float(np.flatnonzero(mask.array_kji.any(axis=(1, 2)))[-1])
    tree = label_tree(build_tree(mask, root_lps_mm=mask.grid.lps_from_kji(np.array([level, *top]))))
    truth = np.zeros(mask.array_kji.shape, dtype=np.uint8)
    for value, name in enumerate(("RUL", "RML", "RLL", "LUL", "LLL"), start=1):
        truth[read(name).mask()] = value
    hits = []
    for tip in tree.tips:
        index = tuple(np.rint(mask.grid.kji_from_lps(tip.points_lps_mm[-1])).astype(int))
        if truth[index] and tip.label is not None:
            hits.append(truth[index] == lobe_of(tip.label.code))
    assert len(hits) > 25
    assert np.mean(hits) >= 0.9
