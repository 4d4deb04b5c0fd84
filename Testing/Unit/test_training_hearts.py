"""Training of the coronary network: evaluation hearts are refused, labels mark what they say, a tiny network learns."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from CardiacCTALib.coronary_network import BLOOD_HU, SPACING_MM, with_blood_at_level
from CardiacCTALib.training import hearts
from CardiacCTALib.training.augment import augment_heart
from CardiacCTALib.training.hearts import ARTERY, FIRST_SEED, VEIN, case_arrays, open_hearts, plan_hearts, refuse_held_out
from CardiacCTALib.training.task import CORONARY, TEXT, choose_heart
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.phantom.coronary_scan import CoronaryScan
from SenseCarePlanningLib.phantom.coronary_truth import ArteryTruth, CoronaryTruth
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.training.bank import IGNORE, SKELETON, write_arrays
from SenseCarePlanningLib.training.sampling import SamplingOptions, draw_batch
from SenseCarePlanningLib.volume import LabelMap, Volume

LUMEN_LABEL, CALCIUM_LABEL, AORTA_LABEL, VEIN_LABEL = 1, 5, 16, 18
SIZE = 48


def scan(blood_hu: float = 300.0) -> CoronaryScan:
    """An artery of 3 mm along k with a piece of calcium, a vein of 5 mm beside it, the aorta in a corner; voxels of 0.5 mm."""
    k, j, i = np.mgrid[:SIZE, :SIZE, :SIZE] * 0.5
    tissue = np.zeros((SIZE,) * 3, dtype=np.uint8)
    tissue[np.hypot(j - 12.0, i - 12.0) <= 1.5] = LUMEN_LABEL
    tissue[np.hypot(j - 12.0, i - 19.0) <= 2.5] = VEIN_LABEL
    tissue[np.hypot(j, i) <= 6.0] = AORTA_LABEL
    tissue[(tissue == LUMEN_LABEL) & (k > 10.0) & (k < 12.0) & (i > 12.5)] = CALCIUM_LABEL
    hu = np.full(tissue.shape, -95.0)
    for label, value in ((LUMEN_LABEL, blood_hu), (AORTA_LABEL, blood_hu), (VEIN_LABEL, 0.5 * blood_hu), (CALCIUM_LABEL, 900.0)):
        hu[tissue == label] = value
    affine = np.diag([0.5, 0.5, 0.5, 1.0])
    points = np.stack([np.full(90, 12.0), np.full(90, 12.0), np.linspace(1.0, 22.0, 90)], axis=1)
    wide, none = np.full(90, 1.5), np.zeros(90, dtype=int)
    artery = ArteryTruth("LAD", None, 0, points, points, wide, np.pi * wide**2, wide, wide, wide, wide * 0, none, none + 6)
    truth = CoronaryTruth("right", {6: "pLAD"}, (artery,), (), {})
    return CoronaryScan(
        Volume(hu.astype(np.int16), affine), LabelMap(tissue, affine, {}), LabelMap(np.zeros_like(tissue), affine, {}), truth
    )


def write_bank(folder: Path, seed: int = FIRST_SEED) -> None:
    for number, source in enumerate(("normal", "hard")):
        hu, labels, points = case_arrays(scan(300.0 + 60.0 * number), seed)
        write_arrays(folder, f"{source}_{seed}", {"source": source, "seed": seed}, hu, labels, points)


def test_hearts_for_evaluation_are_refused_by_name_and_in_a_bank(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="held out"):
        refuse_held_out(100)
    write_bank(tmp_path, seed=FIRST_SEED - 1)
    with pytest.raises(InputError, match="held out"):
        open_hearts(tmp_path)


def test_the_plan_has_a_hard_heart_in_three_and_other_seeds_have_other_hearts() -> None:
    planned = plan_hearts(0, 12)
    assert [one.hard for one in planned].count(True) == 4
    assert min(one.seed for one in planned) >= FIRST_SEED
    assert planned[:6] == plan_hearts(0, 6)
    assert not {one.seed for one in planned} & {one.seed for one in plan_hearts(1, 12)}


def test_labels_mark_lumen_vein_and_middle_and_leave_calcium_open() -> None:
    hu, labels, points = case_arrays(scan(), 0)
    assert hu.shape == labels.shape == (40, 40, 40)
    artery, vein = (labels & ARTERY) > 0, (labels & VEIN) > 0
    volume = SPACING_MM**3
    assert artery[20:36].sum() * volume == pytest.approx(np.pi * 1.5**2 * 16 * SPACING_MM, rel=0.15)
    assert vein[5:35].sum() * volume == pytest.approx(np.pi * 2.5**2 * 30 * SPACING_MM, rel=0.15)
    assert not (artery & vein).any()
    middle = (labels & SKELETON) > 0
    assert middle.any() and not (middle & ~artery).any()
    assert (labels[18, 20, 22] & IGNORE) and hu[18, 20, 22] > 700
    assert ((labels[tuple(points["vein"].T.astype(int))] & VEIN) > 0).all()
    assert len(points["large"]) > 20 and len(points["small"]) == 0
    assert ((labels[tuple(points["large"].T.astype(int))] & ARTERY) > 0).all()


def test_the_aortas_blood_has_the_same_level_in_every_case() -> None:
    for blood in (220.0, 480.0):
        hu, labels, _ = case_arrays(scan(blood), 0)
        inner = ((labels & SKELETON) > 0) & ((labels & IGNORE) == 0)
        assert np.median(hu[inner]) == pytest.approx(BLOOD_HU, abs=3)
        assert hu.min() == pytest.approx(-95, abs=1), "fat stays"
    np.testing.assert_allclose(with_blood_at_level(np.array([-95.0, 300.0], dtype=np.float32), 300.0), [-95.0, BLOOD_HU])


def test_half_of_the_patches_are_on_arteries_and_a_quarter_on_veins() -> None:
    shares = dict(CORONARY.kinds)
    assert shares["small"] + shares["large"] == pytest.approx(0.5)
    assert shares["vein"] == pytest.approx(0.25)
    assert sum(shares.values()) == pytest.approx(1.0)


def test_hard_hearts_are_drawn_as_often_as_normal_ones(tmp_path: Path) -> None:
    write_bank(tmp_path)
    first = open_hearts(tmp_path)
    many = (*[one for one in first if one.source == "normal"] * 5, *[one for one in first if one.source == "hard"])
    drawn = [choose_heart(many, np.random.default_rng(seed)).source for seed in range(200)]
    assert 70 < drawn.count("hard") < 130


def test_an_augmented_artery_stays_brighter_than_fat_and_nothing_breaks() -> None:
    hu, labels, _ = case_arrays(scan(), 0)
    artery, fat = (labels & SKELETON) > 0, hu < -90
    for seed in range(40):
        out = augment_heart(hu.astype(np.float32), labels, np.random.default_rng(seed))
        assert out.shape == hu.shape and np.isfinite(out).all()
        assert np.median(out[artery]) - np.median(out[fat]) > 150.0
    assert hu.dtype == np.int16, "the case itself is not changed"


def test_batches_are_a_function_of_seed_and_number(tmp_path: Path) -> None:
    write_bank(tmp_path)
    cases, options = open_hearts(tmp_path), SamplingOptions(patch=32, batch=2)
    first, again, other = (draw_batch(CORONARY, cases, options, 5, number) for number in (7, 7, 8))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_a_tiny_network_learns_and_its_two_forms_agree(tmp_path: Path) -> None:
    pytest.importorskip("monai", reason="monai is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("torch", reason="torch is not installed")
    from SenseCarePlanningLib.inference.bundle import BundleSegmenter
    from SenseCarePlanningLib.inference.onnx import OnnxSegmenter
    from SenseCarePlanningLib.training.export import write_bundle
    from SenseCarePlanningLib.training.loop import TrainingOptions, train

    write_bank(tmp_path / "bank")
    sampling = SamplingOptions(patch=16, batch=2)
    options = TrainingOptions(steps=40, filters=(8, 8, 8), threads=1, log_every=1, learning_rate=0.01, sampling=sampling)
    path = train(CORONARY, tmp_path / "bank", tmp_path / "run", options, Progress())
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    loss = [row["loss"] for row in rows if row["event"] == "step"]
    assert np.mean(loss[-10:]) < 0.8 * np.mean(loss[:5])
    write_bundle(CORONARY, TEXT, path, tmp_path / "coronary_ct", {"options": options.as_dict()})
    hu, _, _ = case_arrays(scan(), 0)
    volume = Volume(hu, np.diag([SPACING_MM] * 3 + [1.0]))
    ours = OnnxSegmenter(tmp_path / "coronary_ct").segment(volume, Progress())
    theirs = BundleSegmenter(tmp_path / "coronary_ct", device="cpu").segment(volume, Progress())
    assert ours.channel_names == ("coronary_lumen", "cardiac_vein")
    np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=1e-4)


def test_the_command_makes_hearts_trains_and_writes_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("monai", reason="monai is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("torch", reason="torch is not installed")
    from SenseCarePlanningLib.commands import train as command

    asked = []

    def make(specs: tuple[hearts.HeartSpec, ...], folder: Path, progress: Progress) -> None:
        asked.extend(specs)
        write_bank(folder)

    monkeypatch.setattr(hearts, "build_bank", make)
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers(), "train")
    line = ["train", "coronary", "--out", str(tmp_path), "--steps", "1", "--patch", "32", "--batch", "1", "--threads", "1"]
    arguments = parser.parse_args([*line, "--hearts", "3", "--json"])
    assert arguments.start(arguments) == 0
    assert asked == list(plan_hearts(0, 3))
    written = json.loads((tmp_path / "coronary_ct" / "configs" / "train.json").read_text(encoding="utf-8"))
    assert written["step"] == 1 and written["cases"] == [f"hard_{FIRST_SEED}", f"normal_{FIRST_SEED}"]
    assert (tmp_path / "run" / "curves.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(InputError) as refused:
        command.start_coronary(argparse.Namespace(**{**vars(arguments), "hearts": 0, "hours": -1.0}))
    assert len(refused.value.problems) == 2, "all problems at once"


def test_a_heart_is_named_by_its_seed() -> None:
    one = plan_hearts(0, 3)[2]
    assert one.name == f"hard_{FIRST_SEED + 2}"
    assert replace(one, hard=False).name == f"normal_{FIRST_SEED + 2}"
