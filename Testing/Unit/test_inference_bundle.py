"""A tiny MONAI bundle made here runs as its network says; one that would execute code is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from SenseCarePlanningLib.errors import Cancelled, InputError
from SenseCarePlanningLib.inference.bundle import BundleSegmenter, build_network
from SenseCarePlanningLib.inference.bundle_config import read_bundle
from SenseCarePlanningLib.inference.registry import ModelEntry, file_sha256
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import Volume

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("monai", reason="monai is not installed")

NETWORK = {"_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [2, 4], "strides": [2]}


def write_bundle(folder: Path, network: object = None, metadata: dict | None = None, **extra: object) -> Path:
    from monai.networks.nets import UNet

    for name in ("configs", "models"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    inference = {"network_def": network or NETWORK, **extra}
    (folder / "configs" / "inference.json").write_text(json.dumps(inference))
    form = {
        "inputs": {"image": {"num_channels": 1, "patch_size": [16, 16, 16], "value_range_hu": [-1000, 400]}},
        "outputs": {"pred": {"num_channels": 2, "channel_def": {"0": "background", "1": "airway"}}},
    }
    content = {"name": "tiny", "version": "0.1", "network_data_format": form, **(metadata or {})}
    (folder / "configs" / "metadata.json").write_text(json.dumps(content))
    torch.manual_seed(0)
    net = UNet(3, 1, 2, (2, 4), (2,))
    torch.save(net.state_dict(), folder / "models" / "model.pt")
    return folder


@pytest.fixture
def ct() -> Volume:
    values = np.random.default_rng(0).normal(-500, 300, (16, 16, 16)).astype(np.int16)
    return Volume(values, np.diag([0.8, 0.8, 1.0, 1.0]))


def test_one_patch_equals_a_direct_forward_pass(tmp_path: Path, ct: Volume) -> None:
    from monai.networks.nets import UNet

    bundle = write_bundle(tmp_path / "tiny")
    found = BundleSegmenter(bundle, device="cpu").segment(ct, Progress())
    torch.manual_seed(0)
    net = UNet(3, 1, 2, (2, 4), (2,)).eval()
    scaled = np.clip((ct.array_kji.astype(np.float32) + 1000) / 1400, 0, 1)
    with torch.inference_mode():
        expected = torch.softmax(net(torch.from_numpy(scaled[None, None])), 1)[0].numpy()
    assert found.channel_names == ("background", "airway")
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)


def test_result_lies_on_the_given_grid_after_resampling(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "tiny")
    path = bundle / "configs" / "metadata.json"
    content = json.loads(path.read_text())
    content["network_data_format"]["inputs"]["image"]["spacing"] = [1.0, 1.0, 1.0]
    path.write_text(json.dumps(content))
    affine = np.array([[0, -0.7, 0, 5], [0.7, 0, 0, 3], [0, 0, 1.3, 2], [0, 0, 0, 1.0]])
    volume = Volume(np.full((20, 33, 27), -800, dtype=np.int16), affine)
    found = BundleSegmenter(bundle, device="cpu").segment(volume, Progress())
    assert found.probabilities.shape == (2, 20, 33, 27)
    np.testing.assert_allclose(found.probabilities.sum(axis=0), 1.0, atol=1e-4)
    np.testing.assert_array_equal(found.affine_ijk_to_lps, affine)


def test_references_in_the_configuration_are_followed(tmp_path: Path, ct: Volume) -> None:
    network = {**NETWORK, "channels": "@widths", "out_channels": "@sizes::classes"}
    bundle = write_bundle(tmp_path / "tiny", network, widths=[2, 4], sizes={"classes": 2})
    assert BundleSegmenter(bundle, device="cpu").segment(ct, Progress()).probabilities.shape == (2, 16, 16, 16)


@pytest.mark.parametrize(
    ("network", "extra", "word"),
    [
        ({**NETWORK, "channels": "$[2, 4]"}, {}, "execute code"),
        (None, {"imports": ["$import os"]}, "execute code"),
        (None, {"note": "%configs/other.json"}, "execute code"),
        ({**NETWORK, "_target_": "os.system"}, {}, "safe"),
        ({**NETWORK, "_target_": "scripts.net.UNet"}, {}, "safe"),
        ({"_target_": "monai.networks.layers.GaussianFilter", "spatial_dims": 3, "sigma": 1.0}, {}, "safe"),
        ({**NETWORK, "channels": "@missing"}, {}, "does not define"),
        ({**NETWORK, "channels": "@first"}, {"first": "@second", "second": "@first"}, "circle"),
        ({**NETWORK, "_target_": "NoSuchNet"}, {}, "not known"),
        ({**NETWORK, "nonsense": 3}, {}, "does not take"),
        ({**NETWORK, "channels": [3, 4]}, {}, "do not fit"),
    ],
)
def test_bundle_that_is_unsafe_or_wrong_is_refused(
    tmp_path: Path, ct: Volume, network: dict | None, extra: dict, word: str
) -> None:
    bundle = write_bundle(tmp_path / "tiny", network, **extra)
    with pytest.raises(InputError, match=word):
        BundleSegmenter(bundle, device="cpu").segment(ct, Progress())


def test_networks_may_be_joined_by_the_one_known_skip_connection(tmp_path: Path) -> None:
    definition = {"_target_": "monai.networks.layers.SkipConnection", "submodule": {"_target_": "torch.nn.Identity"}}
    bundle = write_bundle(tmp_path / "tiny")
    inference = json.loads((bundle / "configs" / "inference.json").read_text())
    (bundle / "configs" / "inference.json").write_text(json.dumps({**inference, "network_def": definition}))
    network = build_network(read_bundle(bundle).network)
    assert network(torch.ones(1, 2, 3)).shape == (1, 4, 3)


def test_bundle_with_python_files_is_refused_unless_trusted(tmp_path: Path, ct: Volume) -> None:
    bundle = write_bundle(tmp_path / "tiny")
    (bundle / "scripts").mkdir()
    (bundle / "scripts" / "net.py").write_text("raise SystemExit('executed')")
    assert "execute code" in str(BundleSegmenter(bundle, device="cpu").available())
    assert BundleSegmenter(bundle, device="cpu", trust=True).segment(ct, Progress()).probabilities.shape[0] == 2


class Payload:
    """Pickled, it would create a file when loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (str(self.path), "w"))


def test_weights_with_code_are_not_loaded(tmp_path: Path, ct: Volume) -> None:
    bundle = write_bundle(tmp_path / "tiny")
    torch.save({"model": Payload(tmp_path / "executed")}, bundle / "models" / "model.pt")
    with pytest.raises(InputError, match="more than weights"):
        BundleSegmenter(bundle, device="cpu").segment(ct, Progress())
    assert not (tmp_path / "executed").exists()


def test_damaged_weights_are_a_sentence(tmp_path: Path, ct: Volume) -> None:
    bundle = write_bundle(tmp_path / "tiny")
    data = (bundle / "models" / "model.pt").read_bytes()
    (bundle / "models" / "model.pt").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="damaged"):
        BundleSegmenter(bundle, device="cpu").segment(ct, Progress())


def test_all_missing_files_are_named(tmp_path: Path) -> None:
    reason = BundleSegmenter(tmp_path).available()
    assert reason is not None
    for name in ("metadata.json", "inference.json", "model.pt"):
        assert name in reason


def test_listed_checksum_is_checked(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "tiny")
    right = file_sha256(bundle / "models" / "model.pt")
    entry = ModelEntry("tiny", "Tiny", "Apache-2.0", right, "test")
    assert BundleSegmenter(bundle, {"tiny": entry}).available() is None
    wrong = ModelEntry("tiny", "Tiny", "Apache-2.0", "0" * 64, "test")
    assert "not the listed ones" in str(BundleSegmenter(bundle, {"tiny": wrong}).available())


def test_channel_count_that_contradicts_the_metadata_is_refused(tmp_path: Path, ct: Volume) -> None:
    form = {
        "inputs": {"image": {"num_channels": 1, "patch_size": [16, 16, 16]}},
        "outputs": {"pred": {"num_channels": 3, "channel_def": {"0": "a", "1": "b", "2": "c"}}},
    }
    bundle = write_bundle(tmp_path / "tiny", metadata={"network_data_format": form})
    with pytest.raises(InputError, match="2 channels"):
        BundleSegmenter(bundle, device="cpu").segment(ct, Progress())


def test_stop_between_patches(tmp_path: Path) -> None:
    class StopAtThird:
        shown = 0

        def show(self, step: str, fraction: float) -> None:
            self.shown += 1

        def is_cancelled(self) -> bool:
            return self.shown >= 2

    bundle = write_bundle(tmp_path / "tiny")
    volume = Volume(np.zeros((40, 40, 40), dtype=np.int16), np.eye(4))
    with pytest.raises(Cancelled):
        BundleSegmenter(bundle, device="cpu").segment(volume, Progress(StopAtThird()))


def test_unknown_device_is_refused(tmp_path: Path, ct: Volume) -> None:
    with pytest.raises(InputError, match="not present"):
        BundleSegmenter(write_bundle(tmp_path / "tiny"), device="abacus").segment(ct, Progress())
