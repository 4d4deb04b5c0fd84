"""The ONNX form of a bundle gives the mask that torch gives; what is damaged or incomplete is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from SenseCarePlanningLib.errors import Cancelled, InputError
from SenseCarePlanningLib.inference.grids import nearest, resample
from SenseCarePlanningLib.inference.onnx import OnnxSegmenter
from SenseCarePlanningLib.inference.registry import ModelEntry, file_sha256
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import Volume

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("monai", reason="monai is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from LungAirwayLib.training.task import AIRWAY, TEXT  # noqa: E402
from SenseCarePlanningLib.inference.bundle import BundleSegmenter  # noqa: E402
from SenseCarePlanningLib.training.checkpoint import save_checkpoint  # noqa: E402
from SenseCarePlanningLib.training.export import write_bundle  # noqa: E402
from SenseCarePlanningLib.training.network import make_network  # noqa: E402


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    network = make_network((4, 8, 8), 3, 0)
    with torch.no_grad():  # about as many voxels above one half as below
        network[-1].bias.fill_(0.0)
    path = save_checkpoint(folder, {"step": 1, "filters": [4, 8, 8], "model": network.state_dict()})
    write_bundle(AIRWAY, TEXT, path, folder / "airway_ct", {"note": "a test"})
    return folder / "airway_ct"


@pytest.fixture
def ct() -> Volume:
    values = np.random.default_rng(0).normal(-600, 300, (70, 50, 40)).astype(np.int16)
    affine = np.array([[0, -0.8, 0, 5], [0.8, 0, 0, 3], [0, 0, 1.25, 2], [0, 0, 0, 1.0]])
    return Volume(values, affine)


def test_both_forms_give_the_same_mask(bundle: Path, ct: Volume) -> None:
    ours = OnnxSegmenter(bundle).segment(ct, Progress())
    theirs = BundleSegmenter(bundle, device="cpu").segment(ct, Progress())
    assert ours.channel_names == theirs.channel_names == ("airway_lumen", "airway_wall", "lung_vessel")
    np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=1e-4)
    settled = np.abs(theirs.probabilities - 0.5) > 1e-4
    np.testing.assert_array_equal(ours.probabilities[settled] > 0.5, theirs.probabilities[settled] > 0.5)
    share = float((theirs.probabilities[0] > 0.5).mean())
    assert 0.02 < share < 0.98, "a mask that is empty or full would prove nothing"
    np.testing.assert_array_equal(ours.affine_ijk_to_lps, ct.affine_ijk_to_lps)


def test_the_weights_open_as_weights_only_and_the_configuration_runs_no_code(bundle: Path) -> None:
    state = torch.load(bundle / "models" / "model.pt", weights_only=True)
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    assert BundleSegmenter(bundle, device="cpu").available() is None


def test_patches_without_lung_are_left_out(bundle: Path) -> None:
    values = np.random.default_rng(1).normal(-600, 300, (300, 40, 40)).astype(np.int16)
    volume = Volume(values, np.diag([0.7, 0.7, 0.7, 1.0]))
    wanted = np.zeros(values.shape, dtype=bool)
    wanted[:60] = True
    found = OnnxSegmenter(bundle).segment(volume, Progress(), wanted).probabilities
    assert (found[:, :100] > 0).all()
    assert (found[:, 200:] == 0).all()


def test_a_changed_file_a_missing_one_and_a_damaged_one_are_refused(bundle: Path, ct: Volume, tmp_path: Path) -> None:
    weights = bundle / "models" / "model.onnx"
    entry = ModelEntry("airway_ct", "t", "Apache-2.0", "0" * 64, "research", {}, "", file_sha256(weights))
    assert OnnxSegmenter(bundle, {"airway_ct": entry}).available() is None
    changed = OnnxSegmenter(bundle, {"airway_ct": replace(entry, onnx_sha256="1" * 64)}).available()
    assert changed is not None and "not the listed one" in changed
    copy = tmp_path / "airway_ct"
    for name in ("configs/metadata.json", "configs/inference.json", "models/model.pt"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((bundle / name).read_bytes())
    with pytest.raises(InputError, match="no ONNX form"):
        OnnxSegmenter(copy).segment(ct, Progress())
    (copy / "models" / "model.onnx").write_bytes(weights.read_bytes()[:500])
    with pytest.raises(InputError, match="damaged"):
        OnnxSegmenter(copy).segment(ct, Progress())


def test_cancelling_stops_between_patches(bundle: Path, ct: Volume) -> None:
    class Stop:
        def show(self, step: str, fraction: float) -> None:
            """Nothing to show."""

        def is_cancelled(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        OnnxSegmenter(bundle).segment(ct, Progress(Stop()))


@pytest.mark.parametrize("shape", [(7, 9, 20), (1, 3, 4), (13, 5, 31)])
def test_resampling_equals_scipys_linear_zoom(shape: tuple[int, int, int]) -> None:
    from scipy import ndimage

    image = np.random.default_rng(2).normal(0, 1, (9, 6, 11)).astype(np.float32)
    zoom = [new / old for new, old in zip(shape, image.shape, strict=True)]
    expected = ndimage.zoom(image, zoom, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(resample(image.copy(), shape), expected, atol=1e-5)


def test_nearest_keeps_halves() -> None:
    mask = np.zeros((4, 4, 4), dtype=bool)
    mask[2:] = True
    np.testing.assert_array_equal(nearest(mask, (8, 4, 2)).any(axis=(1, 2)), [False] * 4 + [True] * 4)
