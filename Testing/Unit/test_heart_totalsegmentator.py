"""The heart by TotalSegmentator: which task is called, what is taken over, and what is said where it cannot run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from totalsegmentator_standin import CONFIG, NIBABEL

from CardiacCTALib.heart_network import STRUCTURES, find_structures, network_missing, with_network
from CardiacCTALib.pipeline import CoronaryOptions, check_options
from CardiacCTALib.segment import network_for
from CardiacCTALib.structures import AORTA, CAVA, FAR_AORTA, HEART_NAMES, LEFT_VENTRICLE, MYOCARDIUM, PULMONARY_ARTERY
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.inference.totalsegmentator import run_task
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import LabelMap, Volume

# the argument names of totalsegmentator.python_api.totalsegmentator, version 2, as far as they are used
PYTHON_API = """
import json
import numpy as np
import nibabel


def totalsegmentator(input, output=None, ml=False, fast=False, task="total", roi_subset=None, quiet=False, device="gpu"):
    with open(RECORD, "w") as stream:
        json.dump({"task": task, "roi_subset": roi_subset, "ml": ml, "fast": fast, "output": output}, stream)
    return nibabel.Nifti1Image(np.asarray(input.dataobj).astype(np.uint8), input.affine)
"""
CLASSES = {51: "heart", 52: "aorta", 53: "pulmonary_vein", 61: "atrial_appendage_left", 62: "superior_vena_cava"}
CLASSES |= {63: "inferior_vena_cava"}
AFFINE = np.diag([1.0, 1.0, 1.0, 1.0])


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install the stand-in and empty folders for its weights; the file it writes."""
    package = tmp_path / "installed" / "totalsegmentator"
    package.mkdir(parents=True)
    for name in ("Dataset293_TotalSegmentator_part3_cardiac_1559subj", "Dataset298_TotalSegmentator_total_6mm_1559subj"):
        (tmp_path / "weights" / name).mkdir(parents=True)
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(tmp_path / "weights"))
    calls = tmp_path / "calls.json"
    (package / "__init__.py").write_text("")
    (package / "python_api.py").write_text(f"RECORD = {str(calls)!r}\n{PYTHON_API}")
    (package / "config.py").write_text(CONFIG)
    (package / "map_to_binary.py").write_text(f"class_map = { ({'total': CLASSES})!r}\n")
    (tmp_path / "installed" / "nibabel.py").write_text(NIBABEL)
    for name in [name for name in sys.modules if name.split(".")[0] in ("totalsegmentator", "nibabel")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path / "installed"))
    yield calls
    for name in [name for name in sys.modules if name.split(".")[0] in ("totalsegmentator", "nibabel")]:
        del sys.modules[name]


def test_the_open_task_is_asked_for_the_hearts_structures_only(record: Path) -> None:
    values = np.zeros((5, 6, 7), dtype=np.int16)
    values[2, 3, 4], values[1, 1, 1], values[0, 0, 0] = 51, 52, 53
    found = find_structures(Volume(values, AFFINE), Progress())
    assert json.loads(record.read_text()) == {
        "task": "total", "roi_subset": list(STRUCTURES), "ml": True, "fast": False, "output": None,
    }  # fmt: skip
    assert {name for name, mask in found.items() if mask.any()} == {"heart", "aorta"}
    assert np.argwhere(found["heart"]).tolist() == [[2, 3, 4]]


def test_licensed_tasks_are_never_called(record: Path) -> None:
    for task in ("heartchambers_highres", "coronary_arteries"):
        with pytest.raises(InputError, match="not openly licensed"):
            run_task(Volume(np.zeros((2, 2, 2), np.int16), AFFINE), task, Progress())
    assert not record.exists()


def test_without_weights_it_is_refused_before_any_work(record: Path, tmp_path: Path) -> None:
    (tmp_path / "weights" / "Dataset293_TotalSegmentator_part3_cardiac_1559subj").rmdir()
    assert "weights" in str(network_missing())
    with pytest.raises(InputError, match="weights"):
        check_options(Volume(np.zeros((4, 4, 4), np.int16), AFFINE), CoronaryOptions(engine="totalsegmentator"))
    network_for("auto")
    assert not record.exists()


def test_not_installed_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"not installed; install it, or choose the engine classical\."):
        network_for("totalsegmentator")
    with pytest.raises(InputError, match="unknown"):
        network_for("magic")


def test_a_version_with_other_names_is_refused(record: Path, tmp_path: Path) -> None:
    (tmp_path / "installed" / "totalsegmentator" / "map_to_binary.py").write_text('class_map = {"total": {1: "heart_atrium"}}\n')
    with pytest.raises(InputError, match="engine classical"):
        find_structures(Volume(np.zeros((2, 2, 2), np.int16), AFFINE), Progress())


def test_what_lies_outside_the_networks_heart_goes_and_its_vessels_come() -> None:
    labels = np.zeros((4, 10, 40), dtype=np.uint8)
    labels[:, :, 0:6], labels[:, :, 6:20], labels[:, :, 20:24] = AORTA, LEFT_VENTRICLE, PULMONARY_ARTERY
    labels[0, 0, 30], labels[0, 0, 38] = MYOCARDIUM, FAR_AORTA
    found = {name: np.zeros(labels.shape, dtype=bool) for name in STRUCTURES}
    found["heart"][:, :, 6:15] = True
    found["aorta"][:, :, 0:7], found["aorta"][:, :, 34:37] = True, True
    found["superior_vena_cava"][:, :, 26:29] = True
    new = with_network(LabelMap(labels, AFFINE, HEART_NAMES), found).array_kji[2, 5]
    assert new[:6].tolist() == [AORTA] * 6
    assert new[6:17].tolist() == [LEFT_VENTRICLE] * 11
    assert not new[17:20].any()
    assert new[20:24].tolist() == [PULMONARY_ARTERY] * 4
    assert new[26:29].tolist() == [CAVA] * 3
    assert new[34:37].tolist() == [FAR_AORTA] * 3
    assert with_network(LabelMap(labels, AFFINE, HEART_NAMES), found).array_kji[0, 0, [30, 38]].tolist() == [0, 0]


def test_a_network_that_found_nothing_changes_no_chamber() -> None:
    labels = np.full((3, 3, 3), LEFT_VENTRICLE, dtype=np.uint8)
    empty = {name: np.zeros(labels.shape, dtype=bool) for name in STRUCTURES}
    assert np.array_equal(with_network(LabelMap(labels, AFFINE, HEART_NAMES), empty).array_kji, labels)
