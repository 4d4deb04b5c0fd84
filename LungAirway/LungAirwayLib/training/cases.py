"""Which patients the airway network is trained on, and which it must never see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.phantom.scanner import Kernel, Scanner

HELD_OUT = ("atm22_305", "lidc_patient3", "ricord")
"""Never in training: the two trees of the validation set, and RICORD, whose terms are non-commercial and which is the one real
CT that the model must not have seen."""

MASKS = ("atm22_224", "lidc_patient1", "lidc_patient2", "lobes_patient3")
REAL = "lidc_idri_0314"
FIRST_THORAX_SEED = 41_000
"""Procedural patients are numbered from here: no demonstration and no test uses such seeds."""

SCALES = (0.72, 1.02)
"""Sizes of the patients in the second and later scans of a mask: the masks of whole trees are few, thin branches in them too."""

KERNELS: tuple[Kernel, ...] = ("soft", "standard", "sharp")

Source = Literal["mask", "thorax", "real"]


@dataclass(frozen=True)
class CaseSpec:
    """One training case before it is made.

    Parameters
    ----------
    name
        Folder in the bank; unique.
    source
        "mask": a CT simulated around a real tree; "thorax": a procedural patient; "real": a real CT with pseudo-labels.
    subject
        Whose anatomy.
    seed
        Of anatomy and noise.
    scanner
        Settings of the virtual scan; None for a real CT.
    scale
        Size of the patient against the mask's: in a smaller one the same tree is deep and thin.
    """

    name: str
    source: Source
    subject: str
    seed: int
    scanner: Scanner | None
    scale: float = 1.0


def refuse_held_out(name: str) -> None:
    """Refuse data that must not be trained on.

    Parameters
    ----------
    name
        Of a subject, or the path of a file.

    Raises
    ------
    InputError
        When the name belongs to the validation set or to RICORD.
    """
    low = name.lower()
    for banned in HELD_OUT:
        if banned in low:
            raise InputError(
                f"{banned} is held out of training: the network is validated on it, or its terms forbid it.",
                detail=f"asked for {name}",
            )


def plan_cases(data: Path | None, seed: int, scans_per_mask: int, thoraces: int, real: bool) -> tuple[CaseSpec, ...]:
    """Plan the bank: every mask under several scanners, procedural patients between them, and the real CT.

    Parameters
    ----------
    data
        Folder with ``airway_masks`` and ``chest_ct``; None, or one without them, gives procedural patients only.
    seed
        Of the scanners, and added to the anatomies' seeds.

    Returns
    -------
    tuple of CaseSpec
        In an order in which any beginning is a useful mixture.
    """
    rng = np.random.default_rng([seed, 31])
    masks = [name for name in MASKS if data is not None and mask_files(data, name) is not None]
    rounds: list[CaseSpec] = []
    drawn = [
        CaseSpec(
            f"thorax_{number:03d}",
            "thorax",
            f"thorax_{number:03d}",
            FIRST_THORAX_SEED + 97 * seed + number,
            _scanner(rng, number + 1),
        )
        for number in range(thoraces)
    ]
    share = -(-thoraces // max(scans_per_mask, 1)) if masks else thoraces
    for scan in range(max(scans_per_mask, 1)):
        for name in masks[: len(masks) if scans_per_mask else 0]:
            case_seed = int(rng.integers(1, 2**31 - 1)) if scan else 0
            scale = round(float(rng.uniform(*SCALES)), 3) if scan else 1.0
            rounds.append(CaseSpec(f"{name}_{scan:02d}", "mask", name, case_seed, _scanner(rng, scan), scale))
        if scan == 0 and real and data is not None and real_files(data) is not None:
            rounds.append(CaseSpec(REAL, "real", REAL, seed, None))
        rounds.extend(drawn[scan * share : (scan + 1) * share])
    for spec in rounds:
        refuse_held_out(spec.subject)
    return tuple(rounds)


def mask_files(data: Path, subject: str) -> dict[str, Path] | None:
    """Return the files of a mask subject (airway, and vessels and lungs or lobes where it has them), or None."""
    refuse_held_out(subject)
    folder = data / "airway_masks"
    single = folder / f"{subject}_top5_majority.nii.gz"
    if single.is_file():
        return {"airway": single}
    own = folder / subject
    for names in (
        {"airway": "bronchialTree", "vessels": "vessels", "lungs": "pleuralBoundary"},
        {"airway": "BronchialTree", "vessels": "vessels", "RUL": "RUL", "RML": "RML", "RLL": "RLL", "LUL": "LUL", "LLL": "LLL"},
    ):
        files = {key: own / f"{name}.nii.gz" for key, name in names.items()}
        if all(path.is_file() for path in files.values()):
            return files
    return None


def real_files(data: Path) -> dict[str, Path] | None:
    """Return the real CT and its peer's airway, or None where they are not."""
    files = {
        "ct": data / "chest_ct" / "lidc_idri_0314_1.0mm.nii.gz",
        "peer": data / "chest_ct" / "peer_airway_lidc0314.nii.gz",
    }
    return files if all(path.is_file() for path in files.values()) else None


def _scanner(rng: np.random.Generator, number: int) -> Scanner:
    """The standard scanner first, then any: cubic voxels in every third scan, thicker slices in the others."""
    inplane = float(rng.uniform(0.68, 0.88))
    through = inplane if number % 3 == 0 else float(rng.choice([0.7, 0.8, 1.0, 1.25, 1.25]))
    kernel = KERNELS[int(rng.choice([0, 1, 1, 2, 2]))]
    noise = float(np.exp(rng.uniform(np.log(10.0), np.log(70.0))))
    seed = int(rng.integers(0, 2**31 - 1))
    if number == 0:
        return Scanner()
    return Scanner(
        spacing_mm=(round(inplane, 3), round(inplane, 3), round(through, 3)), noise_hu=round(noise, 1), kernel=kernel, seed=seed
    )
