"""The case that the pictures show: the digital patient and its plan, made once and kept outside the repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE_VARIABLE = "SENSECARE_SCREENS_CACHE"
PATIENT_ARGUMENTS = ("--seed", "7", "--generations", "9", "--spacing", "0.9,0.9,1.0", "--noise-hu", "22", "--nodule", "RB3:14")
"""As the hub makes it (``digital_patient.ARGUMENTS``): the reader of the tutorial sees the same."""


def cache() -> Path:
    """Return the folder that the case is kept in, from run to run."""
    return Path(os.environ.get(CACHE_VARIABLE) or Path(tempfile.gettempdir()) / "sensecare-screens")


def patient() -> Path:
    """Return the digital patient's folder; made (about a minute) if it is not there."""
    folder = cache() / "Digital patient"
    if not (folder / "dicom").is_dir():
        _run("phantom", "thorax", *PATIENT_ARGUMENTS, "--out", str(folder))
    return folder


def nodule_lps() -> tuple[float, float, float]:
    """Return the middle of the nodule, LPS mm."""
    found = json.loads((patient() / "truth" / "nodules.json").read_text(encoding="utf-8"))
    rows = found["nodules"] if isinstance(found, dict) else found
    x, y, z = (float(value) for value in rows[0]["centre_lps_mm"])
    return (x, y, z)


def result(language: str) -> Path:
    """Return the folder of the plan with its report in a language; made (some minutes) if it is not there."""
    first, wanted = cache() / "en" / "Thorax", cache() / language / "Thorax"
    target = ",".join(f"{value:.2f}" for value in nodule_lps())
    if not first.is_dir():
        _run("airway", str(patient() / "dicom"), "--engine", "classical", f"--target={target}", "--no-video", "--out", str(first))
    if not wanted.is_dir():
        ct = str(patient() / "dicom")
        _run(
            "replan", str(first), "--ct", ct, "--keep-plan", "--no-video", "--language", language, "--out", str(wanted)
        )  # fmt: skip
    return wanted


def _run(*arguments: str) -> None:
    package = ROOT / "SenseCarePlanning" / "SenseCarePlanningLib"
    subprocess.run([sys.executable, str(package), *arguments], check=True, stdout=subprocess.DEVNULL)
