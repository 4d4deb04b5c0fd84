"""A small digital patient for the tests of the airway module, and its result: each is made once a test session."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPACING_MM = 2.0
"""Coarse, so that a run takes seconds; pictures for people are made of a finer one."""


@dataclass(frozen=True)
class Patient:
    """Where the digital patient lies, and the middle of its nodule in RAS mm."""

    folder: Path
    target_ras: tuple[float, float, float]

    @property
    def dicom(self) -> Path:
        """The folder of its CT."""
        return self.folder / "dicom"


def command(*arguments: str) -> None:
    """Run one of the project's commands; its failure is the test's."""
    threads = {"OMP_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}
    package = ROOT / "SenseCarePlanning" / "SenseCarePlanningLib"
    python = shutil.which("PythonSlicer") or sys.executable
    done = subprocess.run(
        [python, str(package), *arguments], env={**os.environ, **threads}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def make_patient(folder: Path, spacing_mm: float = SPACING_MM) -> Patient:
    """Make the patient, unless the folder holds it; a few seconds."""
    spacing = ",".join([str(spacing_mm)] * 3)
    if not (folder / "truth" / "nodules.json").is_file():
        command(
            "phantom", "thorax", "--seed", "3", "--generations", "9", "--nodule", "RB3:14", "--spacing", spacing,
            "--noise-hu", "10", "--out", str(folder),
        )  # fmt: skip
    found = json.loads((folder / "truth" / "nodules.json").read_text(encoding="utf-8"))
    rows = found["nodules"] if isinstance(found, dict) else found
    x, y, z = rows[0]["centre_lps_mm"]
    return Patient(folder, (-x, -y, z))


def make_result(patient: Patient, folder: Path) -> Path:
    """Plan for the patient's nodule with the engine that needs no network, unless the folder holds it."""
    if (folder / "plan.json").is_file():
        return folder
    x, y, z = patient.target_ras
    target = f"{-x:.2f},{-y:.2f},{z:.2f}"
    command(
        "airway", str(patient.dicom), "--engine", "classical", "--plan-only", "--no-video", "--target", target,
        "--out", str(folder),
    )  # fmt: skip
    return folder


def add_ct(scene: object, patient: Patient, name: str = "Chest CT"):  # type: ignore[no-untyped-def]
    """Put the patient's CT into a scene."""
    from SenseCarePlanningLib.dicomio.load import load_image
    from SenseCarePlanningMRML.volume_nodes import add_volume

    return add_volume(scene, load_image(patient.dicom).volume, name)
