"""The coronary network that ships: complete, as listed, small, trained on nothing held out; what it does to the evidence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from CardiacCTALib import coronary_network, segment
from CardiacCTALib.coronary_evidence import Evidence
from CardiacCTALib.coronary_network import SHIPPED, network_chances, shipped_network, with_blood_at_level, with_network
from CardiacCTALib.training.hearts import FIRST_SEED
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.inference.bundle import BundleSegmenter, build_network
from SenseCarePlanningLib.inference.bundle_config import read_bundle
from SenseCarePlanningLib.inference.installed import describe_model
from SenseCarePlanningLib.inference.onnx import OnnxSegmenter
from SenseCarePlanningLib.inference.registry import file_sha256, registry_beside
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import Volume


def test_the_bundle_is_complete_and_as_listed() -> None:
    for name in ("metadata", "inference", "train"):
        assert isinstance(json.loads((SHIPPED / "configs" / f"{name}.json").read_text(encoding="utf-8")), dict)
    for name in ("README.md", "data_license.txt", "training_log.jsonl", "learning_curves.png"):
        assert (SHIPPED / "docs" / name).stat().st_size > 0
    entry = registry_beside(SHIPPED)["coronary_ct"]
    assert entry.sha256 == file_sha256(SHIPPED / "models" / "model.pt")
    assert entry.onnx_sha256 == file_sha256(SHIPPED / "models" / "model.onnx")
    for name in ("model.pt", "model.onnx"):
        assert (SHIPPED / "models" / name).stat().st_size <= 16 * 2**20
    assert describe_model(SHIPPED).licence == entry.licence


def test_no_heart_for_evaluation_was_trained_on() -> None:
    training = json.loads((SHIPPED / "configs" / "train.json").read_text(encoding="utf-8"))
    log = (SHIPPED / "docs" / "training_log.jsonl").read_text(encoding="utf-8").splitlines()
    used = {name for run in [training, *map(json.loads, log)] for name in run.get("cases", [])}
    assert used
    assert min(int(name.split("_")[1]) for name in used) >= FIRST_SEED


def test_the_weights_hold_nothing_but_tensors_and_fit_the_network() -> None:
    pytest.importorskip("monai", reason="monai is not installed")
    torch = pytest.importorskip("torch", reason="torch is not installed")
    weights = torch.load(SHIPPED / "models" / "model.pt", weights_only=True)
    assert all(isinstance(value, torch.Tensor) for value in weights.values())
    assert all(bool(torch.isfinite(value).all()) for value in weights.values())
    build_network(read_bundle(SHIPPED).network).load_state_dict(weights)


def tube(radius_mm: float = 1.2, blood_hu: float = 350.0) -> tuple[Volume, np.ndarray]:
    """An artery in fat, oblique, with noise; voxels of 0.45 mm; and the distance to its axis in mm."""
    k, j, i = (np.mgrid[:96, :96, :96] - 48) * 0.45
    distance = np.hypot(j - 0.5 * k, i + 0.3 * k) / np.sqrt(1.0 + 0.34 * 0.7)
    inside = np.clip((radius_mm - distance) / 0.6 + 0.5, 0.0, 1.0)
    hu = -95.0 + inside * (blood_hu + 95.0) + np.random.default_rng(0).normal(0, 20, k.shape)
    return Volume(hu.astype(np.int16), np.diag([0.45, 0.45, 0.45, 1.0])), distance


def test_both_forms_give_the_same_mask_and_see_an_artery() -> None:
    pytest.importorskip("monai", reason="monai is not installed")
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    volume, distance = tube()
    scaled = Volume(with_blood_at_level(volume.array_kji.astype(np.float32), 350.0), volume.affine_ijk_to_lps)
    ours = OnnxSegmenter(SHIPPED).segment(scaled, Progress()).probabilities
    theirs = BundleSegmenter(SHIPPED, device="cpu").segment(scaled, Progress()).probabilities
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    settled = np.abs(theirs - 0.5) > 1e-3
    np.testing.assert_array_equal((ours > 0.5)[settled], (theirs > 0.5)[settled])
    middle = distance < 0.4
    middle[:20], middle[-20:] = False, False
    assert ours[0][middle].mean() > 0.8, "a thin bright tube in fat is an artery"
    assert ours[0][distance > 4.0].mean() < 0.02


def test_a_bundle_that_wants_to_run_code_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "coronary_ct"
    shutil.copytree(SHIPPED, copy)
    settings = json.loads((copy / "configs" / "inference.json").read_text(encoding="utf-8"))
    settings["network_def"]["_args_"].append("$__import__('os').system('true')")
    (copy / "configs" / "inference.json").write_text(json.dumps(settings), encoding="utf-8")
    assert "would execute code" in str(OnnxSegmenter(copy).available())


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    copy = tmp_path / "coronary_ct"
    shutil.copytree(SHIPPED, copy)
    shutil.copy(SHIPPED.parent / "coronary_models.json", tmp_path)
    assert shipped_network(copy)[0] is not None
    content = bytearray((copy / "models" / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "models" / "model.onnx").write_bytes(bytes(content))
    assert "not the listed one" in str(OnnxSegmenter(copy, registry_beside(copy)).available())


def test_the_engine_bundle_is_the_network_and_says_why_where_it_cannot_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    assert segment.network_for("bundle") is not None
    assert segment.network_for("classical") is None
    with pytest.raises(InputError, match="unknown"):
        segment.network_for("magic")
    monkeypatch.setattr(segment, "shipped_network", lambda: shipped_network(tmp_path / "coronary_ct"))
    with pytest.raises(InputError, match="not in this installation"):
        segment.network_for("bundle")


def evidence(rise_share: np.ndarray) -> Evidence:
    rise = (rise_share * 300.0).astype(np.float32)
    smooth = np.full(rise.shape, 250.0, dtype=np.float32)
    aorta = np.zeros(rise.shape, dtype=bool)
    return Evidence(rise, smooth, aorta, (0.5, 0.4, 0.4), 400.0, 100.0, np.empty((0, 3)))


def test_a_sure_artery_keeps_its_evidence_a_vein_loses_it_and_nothing_comes_from_nothing() -> None:
    share = np.array([[[1.0, 1.0, 0.0, 0.6, 1.0, 1.0, 1.0]]])
    artery = np.array([[[1.0, 0.0, 1.0, 0.0, 0.9, 1.0, 0.9]]], dtype=np.float32)
    vein = np.array([[[0.0, 1.0, 0.0, 0.0, 0.9, 1.0, 1.0]]], dtype=np.float32)
    before = evidence(share)
    after = with_network(before, artery, vein)
    found = after.rise_hu[0, 0] / before.contrast_hu
    np.testing.assert_allclose(found[[1, 2, 3]], 0.0, atol=1e-5)
    assert found[0] > 0.9
    np.testing.assert_allclose(found[[4, 5]], 0.5, atol=1e-5, err_msg="sure of both: open")
    assert found[6] < 0.4, "surer of the vein"
    assert after.smooth is before.smooth and after.blood_hu == before.blood_hu
    assert before.rise_hu[0, 0, 1] > 0, "the classical evidence itself is not changed"


def test_the_network_is_asked_about_blood_at_its_level_and_only_where_there_is_evidence() -> None:
    class Recorder:
        def segment(self, volume, progress, wanted=None):
            from SenseCarePlanningLib.inference.protocol import Prediction

            self.volume, self.wanted = volume, wanted
            chances = np.stack([np.full(volume.array_kji.shape, value, dtype=np.float32) for value in (0.2, 0.7)])
            names = (coronary_network.VEIN_CHANNEL, coronary_network.ARTERY_CHANNEL)
            return Prediction(chances, names, volume.affine_ijk_to_lps, "a test")

    share = np.zeros((4, 5, 6))
    share[1, 2, 3] = 0.8
    recorder = Recorder()
    array = np.full(share.shape, 400, dtype=np.int16)
    artery, vein, detail = network_chances(array, evidence(share), recorder, Progress())
    assert artery.max() == pytest.approx(0.7) and vein.max() == pytest.approx(0.2), "channels are found by their names"
    assert detail == "a test"
    assert recorder.volume.array_kji.max() == pytest.approx(coronary_network.BLOOD_HU)
    np.testing.assert_allclose(sorted(recorder.volume.grid.spacing_kji_mm), [0.4, 0.4, 0.5])
    assert recorder.wanted.sum() == 1
