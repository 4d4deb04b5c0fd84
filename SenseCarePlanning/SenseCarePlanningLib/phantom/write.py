"""Writes a digital patient: a DICOM series as a scanner would send it, and beside it the truth."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..dicomio.study import StudyInfo
from ..dicomio.write_ct import write_ct_series
from ..tubes.io import save_tree
from ..volume import LabelMap, Volume
from ..whole_folder import whole_folder
from .scanner import Scanner
from .simulate import SimulatedCT
from .thorax import Thorax

PATIENT_NAME, PATIENT_ID = "Phantom^Thorax", "PHANTOM-{seed:04d}"
CHEST_WINDOW_HU = (-600.0, 1500.0)
"""Centre and width that a viewer opens the series with."""
OPTIONS = "options.json"

_MASKS = {
    "airway": "airway_truth",
    "walls": "walls_truth",
    "lungs": "lungs_truth",
    "lobes": "lobes_truth",
    "vessels": "vessels_truth",
    "nodules": "nodule_truth",
}


def write_phantom(
    simulated: SimulatedCT, out: Path, *, thorax: Thorax | None = None, scanner: Scanner | None = None, seed: int = 0
) -> Path:
    """Write ``dicom/`` and ``truth/`` into a folder, whole or not at all.

    Parameters
    ----------
    simulated
        The CT with its masks.
    out
        A new or empty folder, or an earlier digital patient, which is replaced.
    thorax
        The patient it was scanned from, if it is one: adds ``tree.json``, ``nodules.json`` and its options.
    scanner
        Its settings go into ``options.json``.
    seed
        For the patient's ID when there is no thorax.

    Returns
    -------
    Path
        The absolute folder.

    Raises
    ------
    InputError
        When the folder holds something else or cannot be written.
    """
    seed = thorax.options.seed if thorax is not None else seed
    with whole_folder(Path(out)) as scratch:
        write_series(simulated.volume, scratch / "dicom", seed, patient_name=PATIENT_NAME, description="Simulated chest CT")
        truth = scratch / "truth"
        truth.mkdir()
        for name, field in _MASKS.items():
            label_map = getattr(simulated, field)
            if label_map is not None:
                save_label_map(label_map, truth / f"{name}.nii.gz")
        if thorax is not None:
            save_tree(thorax.tree, truth / "tree.json")
            write_json(truth / "nodules.json", [_nodule_document(thorax, at) for at in range(len(thorax.nodules))])
        write_json(truth / OPTIONS, _options_document(simulated, thorax, scanner, seed))
    return Path(out).expanduser().absolute()


def write_series(
    volume: Volume,
    folder: Path,
    seed: int,
    *,
    patient_name: str,
    description: str,
    number: int = 1,
    window_hu: tuple[float, float] = CHEST_WINDOW_HU,
) -> None:
    """Write one series of a digital patient, with the scanner that the volume was scanned on.

    Its identity is one that nobody can take for a real patient's; there are no dates, since there was no examination.
    """
    study = StudyInfo(
        patient_name=patient_name,
        patient_id=PATIENT_ID.format(seed=seed),
        study_description="Digital patient, not a real examination",
        series_description=description,
    )
    acquisition = volume.acquisition
    write_ct_series(
        volume,
        folder,
        study,
        kernel=acquisition.kernel,
        kvp=acquisition.kvp,
        slice_thickness_mm=acquisition.slice_thickness_mm,
        manufacturer=acquisition.manufacturer,
        model=acquisition.model,
        series_number=number,
        window_hu=window_hu,
        seed=seed,
    )


def save_label_map(label_map: LabelMap, path: Path) -> None:
    """Write a label map as NIfTI or any format SimpleITK takes by the file's name; its grid must not be sheared."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(label_map.array_kji)
    spacing = label_map.grid.spacing_ijk_mm
    image.SetSpacing([float(value) for value in spacing])
    image.SetOrigin([float(value) for value in label_map.affine_ijk_to_lps[:3, 3]])
    image.SetDirection([float(value) for value in (label_map.affine_ijk_to_lps[:3, :3] / spacing).ravel()])
    sitk.WriteImage(image, str(path), True)


def write_json(path: Path, document: Any) -> None:
    """Write a document as indented JSON."""
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _nodule_document(thorax: Thorax, at: int) -> dict[str, Any]:
    nodule = thorax.nodules[at]
    return {
        "label": at + 1,
        "segment": nodule.spec.segment,
        "lobe": nodule.lobe,
        "centre_lps_mm": [round(float(value), 4) for value in nodule.centre_lps_mm],
        "diameter_mm": nodule.spec.diameter_mm,
        "volume_mm3": round(nodule.volume_mm3, 3),
        "density": nodule.spec.density,
        "core_diameter_mm": nodule.spec.core_mm,
        "spiculated": nodule.spec.spiculated,
        "nearest_branch_id": nodule.nearest_branch_id,
    }


def _options_document(simulated: SimulatedCT, thorax: Thorax | None, scanner: Scanner | None, seed: int) -> dict[str, Any]:
    document: dict[str, Any] = {
        "version": __version__,
        "kind": "digital patient" if thorax is not None else "CT around a given airway mask",
        "space": "LPS",
        "seed": seed,
        "size_kji": list(simulated.volume.array_kji.shape),
        "affine_ijk_to_lps": np.asarray(simulated.volume.affine_ijk_to_lps).tolist(),
        "scanner": None if scanner is None else asdict(scanner),
        "labels": {
            name: {str(value): label for value, label in getattr(simulated, field).names.items()}
            for name, field in _MASKS.items()
            if getattr(simulated, field) is not None
        },
    }
    if thorax is not None:
        document["options"] = asdict(thorax.options)
        document["wall_mm"] = {str(branch): round(thickness, 4) for branch, thickness in thorax.wall_mm.items()}
        document["defects"] = [
            {
                "kind": defect.kind.value,
                "branch_id": defect.branch_id,
                "start_mm": defect.start_mm,
                "end_mm": defect.end_mm,
                "centre_lps_mm": [float(value) for value in defect.centre_lps_mm],
                "radius_mm": defect.radius_mm,
            }
            for defect in thorax.defects
        ]
    return document
