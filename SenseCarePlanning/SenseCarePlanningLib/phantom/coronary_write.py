"""Writes a digital coronary patient: a contrast series, the calcium score's series, and the truth."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..plain_data import to_plain
from ..volume import Volume
from ..whole_folder import whole_folder
from .coronary import CoronaryPatient
from .coronary_scan import CoronaryScan
from .coronary_truth import save_truth
from .scanner import Scanner
from .write import OPTIONS, save_label_map, write_json, write_series

PATIENT_NAME = "Phantom^Heart"
WINDOW_HU = (300.0, 800.0)
CONTRAST_SERIES, CALCIUM_SERIES, TRUTH = "dicom", "calcium", "coronary.json"


def write_coronary_patient(
    patient: CoronaryPatient, scan: CoronaryScan, out: Path, *, scanner: Scanner, calcium: Volume | None = None
) -> Path:
    """Write ``dicom/``, ``calcium/`` (when given) and ``truth/`` into a folder, whole or not at all.

    Parameters
    ----------
    out
        A new or empty folder, or an earlier digital patient, which is replaced.

    Returns
    -------
    Path
        The absolute folder.

    Raises
    ------
    InputError
        When the folder holds something else or cannot be written.
    """
    seed = patient.options.seed
    with whole_folder(Path(out)) as scratch:
        for volume, folder, description, number in (
            (scan.volume, CONTRAST_SERIES, "Simulated coronary CT angiography", 2),
            (calcium, CALCIUM_SERIES, "Simulated calcium score CT", 3),
        ):
            if volume is not None:
                write_series(
                    volume,
                    scratch / folder,
                    seed,
                    patient_name=PATIENT_NAME,
                    description=description,
                    number=number,
                    window_hu=WINDOW_HU,
                )
        truth = scratch / "truth"
        truth.mkdir()
        save_truth(scan.truth, truth / TRUTH)
        save_label_map(scan.tissue, truth / "tissue.nii.gz")
        save_label_map(scan.segments, truth / "segments.nii.gz")
        write_json(truth / OPTIONS, _options_document(patient, scan, scanner, calcium))
    return Path(out).expanduser().absolute()


def _options_document(patient: CoronaryPatient, scan: CoronaryScan, scanner: Scanner, calcium: Volume | None) -> dict[str, Any]:
    return {
        "version": __version__,
        "kind": "digital coronary patient",
        "space": "LPS",
        "seed": patient.options.seed,
        "size_kji": list(scan.volume.array_kji.shape),
        "affine_ijk_to_lps": np.asarray(scan.volume.affine_ijk_to_lps).tolist(),
        "scanner": asdict(scanner),
        "options": to_plain(patient.options),
        "dominance": patient.dominance.value,
        "lesions": to_plain(patient.lesions),
        "calcium_series": calcium is not None,
        "labels": {
            name: {str(value): label for value, label in sorted(labels.names.items())}
            for name, labels in (("tissue", scan.tissue), ("segments", scan.segments))
        },
    }
