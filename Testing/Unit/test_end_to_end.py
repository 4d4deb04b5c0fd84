"""The main job as a user runs it: a digital patient's DICOM folder in, a result folder out, through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from LungAirwayLib.result_io import load_result
from SenseCarePlanningLib.dicomio.files import read_label_map
from SenseCarePlanningLib.dicomio.load import load_image
from SenseCarePlanningLib.dicomio.seg import read_seg
from SenseCarePlanningLib.evaluation.atm22 import evaluate_airway
from SenseCarePlanningLib.render.offscreen import rendering_available

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "airway.nii.gz", "lungs.nii.gz", "lobes.nii.gz", "tree.json", "tree.vtp", "plan.json", "report.pdf", "report.html",
    "report.dcm", "scene.mrb", "seg.dcm", "sr.dcm", "run.json", "study.json",
}  # fmt: skip


def run_command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    package = ROOT / "SenseCarePlanning" / "SenseCarePlanningLib"
    environment = {**os.environ, "PYTHONPATH": ""}
    return subprocess.run(
        [sys.executable, str(package), *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    done = run_command(
        "phantom", "thorax", "--seed", "3", "--generations", "9", "--nodule", "RB3:14", "--spacing", "0.9,0.9,1.0",
        "--noise-hu", "20", "--out", "patient", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "patient"


@pytest.fixture(scope="module")
def nodule(patient: Path) -> dict[str, object]:
    found = json.loads((patient / "truth" / "nodules.json").read_text(encoding="utf-8"))
    rows = found["nodules"] if isinstance(found, dict) else found
    return dict(rows[0])


@pytest.fixture(scope="module")
def planned(patient: Path, nodule: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    target = ",".join(f"{value:.1f}" for value in nodule["centre_lps_mm"])  # type: ignore[attr-defined]
    done = run_command("airway", str(patient / "dicom"), "--target", target, "--out", "out", "--json", cwd=folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["event"] == "done"
    return folder / "out"


def test_every_promised_file_is_there(planned: Path) -> None:
    wanted = FILES if rendering_available() else FILES | {"flythrough.mp4"}
    assert wanted <= {path.name for path in planned.iterdir()}
    assert [path.name for path in planned.parent.iterdir()] == ["out"]


def test_the_masks_lie_on_the_input_grid(planned: Path, patient: Path) -> None:
    grid = load_image(patient / "dicom").volume.grid
    for name in ("airway", "lungs", "lobes"):
        assert read_label_map(planned / f"{name}.nii.gz").grid.same_as(grid)


def test_the_airway_is_found_without_leak(planned: Path, patient: Path) -> None:
    scores = evaluate_airway(read_label_map(planned / "airway.nii.gz"), read_label_map(patient / "truth" / "airway.nii.gz"))
    values = scores.as_dict()
    assert values["precision"] > 90
    assert values["tree_length_detected"] > 55


def test_the_nodule_is_measured_in_its_lobe(planned: Path, nodule: dict[str, object]) -> None:
    plan = load_result(planned).plan
    assert plan is not None
    assert plan.target.lobe == "RUL"
    long_axis = plan.target.measurements["long_axis"]
    assert long_axis.value == pytest.approx(14.0, abs=3.0)
    assert long_axis.interval is not None


def test_the_best_route_leads_into_the_nodules_segment(planned: Path) -> None:
    result = load_result(planned)
    assert result.plan is not None
    names = [route_label for route in result.plan.routes[:3] for route_label in _labels(result, route.exit_branch_id)]
    assert any(name.startswith("RB3") for name in names), names


def _labels(result: object, branch_id: int) -> list[str]:
    label = result.tree[branch_id].label  # type: ignore[attr-defined]
    return [] if label is None else [label.code]


def test_the_dicom_segmentation_reads_back(planned: Path) -> None:
    airway = read_label_map(planned / "airway.nii.gz")
    segments = {description.label: label_map for description, label_map in read_seg(planned / "seg.dcm", airway.grid)}
    np.testing.assert_array_equal(segments["Airway"].mask(), airway.mask())
    assert {"Right upper lobe", "Left lower lobe"} <= set(segments)


def test_the_run_record_tells_times_and_holds_no_identity(planned: Path) -> None:
    text = (planned / "run.json").read_text(encoding="utf-8")
    record = json.loads(text)
    assert {"versions", "engine", "steps", "input_geometry"} <= set(record)
    assert record["engine"]["name"] == "classical and network", "the best engine ran, and the record says so"
    assert "ONNX Runtime" in record["engine"]["model"]
    assert all(step["seconds"] >= 0 and step["peak_memory_mb"] > 0 for step in record["steps"])
    total = record["peak_memory_mb"]
    assert total["both_at_most"] >= max(total["main_process"], total["second_process"])
    beside = [step["peak_memory_mb"] for step in record["steps"] if "(second process)" in step["name"]]
    assert total["second_process"] >= max(beside) and len(beside) == 3
    assert total["main_process"] >= max(step["peak_memory_mb"] for step in record["steps"] if "second" not in step["name"])
    assert len({step["peak_memory_mb"] for step in record["steps"]}) > 3, "each step has its own peak"
    assert "Phantom" not in text and "PHANTOM" not in text
    assert json.loads((planned / "study.json").read_text(encoding="utf-8"))["patient_name"] == "Phantom^Thorax"


def test_a_killed_run_leaves_nothing(patient: Path, tmp_path: Path) -> None:
    package = ROOT / "SenseCarePlanning" / "SenseCarePlanningLib"
    process = subprocess.Popen(
        [sys.executable, str(package), "airway", str(patient / "dicom"), "--out", "out"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("Airway ..."):
            process.terminate()
            break
    assert process.wait(timeout=120) == 1
    process.stderr.close()
    assert list(tmp_path.iterdir()) == []
