"""Small cases for the hub's tests: a DICOM study and a result folder, as the program writes them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

SIZE_KJI = (6, 20, 24)
CREATED = "2026-03-04T05:06:07+00:00"
AFFINE = np.array([[1.0, 0.0, 0.0, -10.0], [0.0, 1.0, 0.0, -20.0], [0.0, 0.0, 2.0, -30.0], [0.0, 0.0, 0.0, 1.0]])


def volume():
    """Return a small CT."""
    from SenseCarePlanningLib.volume import Volume

    values = np.random.default_rng(1).integers(-1000, 400, SIZE_KJI).astype(np.int16)
    return Volume(values, AFFINE)


def write_study(folder: Path, name: str = "Doe^Jane", seed: int = 1, description: str = "Chest") -> Path:
    """Write a CT series as a scanner sends it."""
    from SenseCarePlanningLib.dicomio.study import StudyInfo
    from SenseCarePlanningLib.dicomio.write_ct import write_ct_series

    study = StudyInfo(
        patient_name=name,
        patient_id=f"ID{seed}",
        study_date="2024-01-31",
        study_description=description,
        series_description="Lung",
    )
    write_ct_series(volume(), folder, study, seed=seed)
    return folder


def write_result(
    folder: Path,
    target: str = "point",
    with_scene: bool = False,
    patient: str | None = None,
    created: str = CREATED,
    series_uid: str | None = None,
) -> Path:
    """Write a result folder with what the hub reads of it."""
    from SenseCarePlanningLib.case_folder import write_study
    from SenseCarePlanningLib.dicomio.study import StudyInfo
    from SenseCarePlanningLib.whole_folder import whole_folder

    record = {
        "engine": {"name": "classical"},
        "options": {"target": target},
        "created": created,
        "input_geometry": {"shape_kji": list(SIZE_KJI), "affine_ijk_to_lps": AFFINE.tolist()},
    }
    study = StudyInfo(series_uid=series_uid)
    if patient:
        study = replace(study, patient_name=patient, study_date="2024-01-31", study_description="Chest")
    with whole_folder(folder) as scratch:
        write_study(study, scratch)
        (scratch / "run.json").write_text(json.dumps(record), encoding="utf-8")
        (scratch / "plan.json").write_text("{}", encoding="utf-8")
        (scratch / "report.html").write_text("<html><body><h1>Bronchoscopy plan</h1></body></html>", encoding="utf-8")
        (scratch / "report.pdf").write_bytes(b"%PDF-1.4 a report")
        if with_scene:
            from SenseCarePlanningMRML.bundle import save_mrb
            from SenseCarePlanningMRML.scene import new_scene
            from SenseCarePlanningMRML.volume_nodes import add_volume

            scene = new_scene()
            add_volume(scene, volume(), "CT")
            save_mrb(scene, scratch / "scene.mrb")
    return folder


def write_bundle(folder: Path, licence: str = "CC-BY-4.0") -> Path:
    """Write a MONAI bundle without weights."""
    (folder / "configs").mkdir(parents=True)
    facts = {"name": "Airway network", "version": "1.2", "license": licence}
    (folder / "configs" / "metadata.json").write_text(json.dumps(facts), encoding="utf-8")
    (folder / "models").mkdir()
    (folder / "models" / "model.pt").write_bytes(b"0" * 1_500_000)
    return folder
