"""TotalSegmentator is called through its documented Python interface: an installed stand-in records how."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from totalsegmentator_standin import CONFIG, NIBABEL

from LungAirwayLib.engines import TotalSegmentatorSegmenter, airway_chance, choose_engine
from LungAirwayLib.segment import SegmentOptions
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import Volume

# the argument names and defaults of totalsegmentator.python_api.totalsegmentator, version 2
PYTHON_API = """
import json
import numpy as np
import nibabel


def totalsegmentator(input, output=None, ml=False, nr_thr_resamp=1, nr_thr_saving=6, fast=False, nora_tag="None",
                     preview=False, task="total", roi_subset=None, statistics=False, radiomics=False, crop_path=None,
                     body_seg=False, force_split=False, output_type="nifti", quiet=False, verbose=False, test=0,
                     skip_saving=False, device="gpu", license_number=None):
    from totalsegmentator.config import get_config_key

    print("Using Device: cpu")
    calls = {"output": output, "ml": ml, "task": task, "quiet": quiet, "fast": fast, "affine": input.affine.tolist(),
             "shape": list(input.shape), "statistics_sent": get_config_key("send_usage_stats")}
    with open(RECORD, "w") as stream:
        json.dump(calls, stream)
    values = np.asarray(input.dataobj)
    labels = np.where(values < -950, 2, np.where(values > -100, 1, 0)).astype(np.uint8)
    return nibabel.Nifti1Image(labels, input.affine)
"""
AXES = np.array([[0.0, -0.8, 0.0, 12.0], [0.7, 0.0, 0.0, -7.0], [0.0, 0.0, 1.5, 3.0], [0.0, 0.0, 0.0, 1.0]])


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "weights"
    for name in ("Dataset258_lung_vessels_248subj", "Dataset298_TotalSegmentator_total_6mm_1559subj"):
        (folder / name).mkdir(parents=True)
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(folder))
    return folder


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the stand-in; the file it writes."""
    record = tmp_path / "calls.json"
    package = tmp_path / "installed" / "totalsegmentator"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "python_api.py").write_text(f"RECORD = {str(record)!r}\n{PYTHON_API}")
    (package / "config.py").write_text(CONFIG)
    classes = {"lung_vessels": {1: "lung_vessels", 2: "lung_trachea_bronchia"}}
    (package / "map_to_binary.py").write_text(f"class_map = {classes!r}\n")
    (tmp_path / "installed" / "nibabel.py").write_text(NIBABEL)
    for name in [name for name in sys.modules if name.split(".")[0] in ("totalsegmentator", "nibabel")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path / "installed"))
    yield record
    for name in [name for name in sys.modules if name.split(".")[0] in ("totalsegmentator", "nibabel")]:
        del sys.modules[name]


@pytest.fixture
def ct() -> Volume:
    values = np.full((4, 5, 6), -860, dtype=np.int16)
    values[1, 2, 3], values[2, 4, 0], values[0, 0, 5] = -1000, -990, 40
    return Volume(values, AXES)


def test_it_is_asked_for_one_label_image_in_nifti_axes(record: Path, weights: Path, ct: Volume) -> None:
    TotalSegmentatorSegmenter().segment(ct, Progress())
    calls = json.loads(record.read_text())
    assert (calls["task"], calls["output"], calls["ml"], calls["fast"]) == ("lung_vessels", None, True, False)
    assert calls["shape"] == [6, 5, 4]
    # NIfTI is RAS: the first two world axes change sign
    np.testing.assert_allclose(calls["affine"], np.diag([-1.0, -1.0, 1.0, 1.0]) @ AXES)


def test_only_trachea_and_bronchi_become_airway_on_the_grid_of_the_scan(record: Path, weights: Path, ct: Volume) -> None:
    prediction = TotalSegmentatorSegmenter().segment(ct, Progress())
    np.testing.assert_array_equal(prediction.affine_ijk_to_lps, AXES)
    np.testing.assert_array_equal(airway_chance(prediction) > 0.5, ct.array_kji < -950)


def test_nothing_is_sent_and_the_users_setting_is_kept(record: Path, weights: Path, ct: Volume) -> None:
    TotalSegmentatorSegmenter().segment(ct, Progress())
    from totalsegmentator.config import get_config_key  # type: ignore[import-not-found]

    assert json.loads(record.read_text())["statistics_sent"] is False
    assert get_config_key("send_usage_stats") is True


def test_what_it_prints_does_not_mix_with_our_output(
    record: Path, weights: Path, ct: Volume, capsys: pytest.CaptureFixture[str]
) -> None:
    TotalSegmentatorSegmenter().segment(ct, Progress())
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Using Device" in printed.err


@pytest.mark.parametrize("missing", ["Dataset258_lung_vessels_248subj", "Dataset298_TotalSegmentator_total_6mm_1559subj"])
def test_missing_weights_are_refused_instead_of_downloaded(record: Path, weights: Path, ct: Volume, missing: str) -> None:
    (weights / missing).rmdir()
    engine = TotalSegmentatorSegmenter()
    assert "weights" in str(engine.available())
    with pytest.raises(InputError, match="weights"):
        engine.segment(ct, Progress())
    with pytest.raises(InputError, match="weights"):
        choose_engine(SegmentOptions("totalsegmentator"))
    assert choose_engine(SegmentOptions("auto")) is None
    assert not record.exists()


def test_auto_takes_it_when_package_and_weights_are_here(record: Path, weights: Path) -> None:
    engine = choose_engine(SegmentOptions("auto"))
    assert engine is not None
    assert engine.name == "totalsegmentator"


def test_a_version_without_an_airway_class_is_refused(record: Path, weights: Path, ct: Volume, tmp_path: Path) -> None:
    path = tmp_path / "installed" / "totalsegmentator" / "map_to_binary.py"
    path.write_text('class_map = {"lung_vessels": {1: "lung_vessels"}}\n')
    with pytest.raises(InputError, match="no airway"):
        TotalSegmentatorSegmenter().segment(ct, Progress())
