"""The airway network that ships: complete, as listed, small, trained on nothing held out, the same in both forms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from LungAirwayLib.airway_network import SHIPPED, shipped_network
from LungAirwayLib.training.cases import HELD_OUT
from SenseCarePlanningLib.inference.bundle import BundleSegmenter, build_network
from SenseCarePlanningLib.inference.bundle_config import read_bundle
from SenseCarePlanningLib.inference.onnx import OnnxSegmenter
from SenseCarePlanningLib.inference.registry import file_sha256, read_registry
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import Volume


def test_the_bundle_is_complete_and_as_listed() -> None:
    for name in ("metadata", "inference", "train"):
        assert isinstance(json.loads((SHIPPED / "configs" / f"{name}.json").read_text(encoding="utf-8")), dict)
    for name in ("README.md", "data_license.txt", "training_log.jsonl", "learning_curves.png"):
        assert (SHIPPED / "docs" / name).stat().st_size > 0
    entry = read_registry(SHIPPED.parent / "models.json")["airway_ct"]
    assert entry.sha256 == file_sha256(SHIPPED / "models" / "model.pt")
    assert entry.onnx_sha256 == file_sha256(SHIPPED / "models" / "model.onnx")
    for name in ("model.pt", "model.onnx"):
        assert (SHIPPED / "models" / name).stat().st_size <= 16 * 2**20


def test_nothing_held_out_was_trained_on() -> None:
    training = json.loads((SHIPPED / "configs" / "train.json").read_text(encoding="utf-8"))
    used = {name.lower() for run in [training, *training.get("history", [])] for name in run.get("cases", [])}
    assert used
    assert not [name for name in used for banned in HELD_OUT if banned in name]


def test_the_weights_hold_nothing_but_tensors_and_fit_the_network() -> None:
    pytest.importorskip("monai", reason="monai is not installed")
    torch = pytest.importorskip("torch", reason="torch is not installed")
    weights = torch.load(SHIPPED / "models" / "model.pt", weights_only=True)
    assert all(isinstance(value, torch.Tensor) for value in weights.values())
    build_network(read_bundle(SHIPPED).network).load_state_dict(weights)


def test_both_forms_give_the_same_mask() -> None:
    pytest.importorskip("monai", reason="monai is not installed")
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    k, j, i = np.mgrid[:64, :64, :64]
    distance = np.hypot(j - 32 + 0.2 * (k - 32), i - 32)
    hu = np.where(distance <= 4, -1000.0, np.where(distance <= 5.5, 20.0, -860.0)) + np.random.default_rng(0).normal(
        0, 20, (64,) * 3
    )
    volume = Volume(hu.astype(np.int16), np.diag([0.7, 0.7, 0.7, 1.0]))
    ours = OnnxSegmenter(SHIPPED).segment(volume, Progress()).probabilities
    theirs = BundleSegmenter(SHIPPED, device="cpu").segment(volume, Progress()).probabilities
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    np.testing.assert_array_equal((ours > 0.5)[np.abs(theirs - 0.5) > 1e-3], (theirs > 0.5)[np.abs(theirs - 0.5) > 1e-3])
    inner = (distance <= 3) & (np.abs(k - 32) < 24)
    assert ours[0][inner].mean() > 0.9, "a walled tube of air is an airway"
    assert ours[0][distance > 9].mean() < 0.1


def test_it_runs_where_a_runtime_is_and_says_why_where_none_is(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    assert shipped_network()[0] is not None
    network, reason = shipped_network(tmp_path / "airway_ct")
    assert network is None and "not in this installation" in reason
