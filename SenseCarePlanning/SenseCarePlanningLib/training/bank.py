"""The bank of training cases: each a CT crop and a map of label bits at one spacing, as arrays that are read piece by piece."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

SKELETON, IGNORE = 16, 32
"""Bits of a label voxel that all organs share: the middle of the first target, thickened; a voxel of unknown truth. An organ
chooses its own bits among the others."""
POINTS = 6000


@dataclass(frozen=True, eq=False)
class TrainingCase:
    """A case of the bank, opened without reading it.

    Parameters
    ----------
    source
        Kind of data; what it may be is the organ's.
    hu
        (K, J, I) int16.
    labels
        (K, J, I) uint8, bits as above and the organ's.
    points
        Kind -> (N, 3) int16 voxel indices where patches may be centred.
    """

    name: str
    source: str
    hu: NDArray[np.int16]
    labels: NDArray[np.uint8]
    points: dict[str, NDArray[np.int16]]


def write_arrays(
    folder: Path,
    name: str,
    about: Mapping[str, Any],
    hu: NDArray[np.int16],
    labels: NDArray[np.uint8],
    points: Mapping[str, NDArray[np.int16]],
) -> None:
    """Add a case to the bank, whole or not at all; one of the same name is replaced.

    Parameters
    ----------
    about
        Plain data; holds "source".
    hu, labels, points
        See :class:`TrainingCase`.
    """
    partial = folder / f".{name}.{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    np.save(partial / "hu.npy", hu)
    np.save(partial / "labels.npy", labels)
    np.savez(partial / "points.npz", **points)  # type: ignore[arg-type]
    (partial / "case.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    target = folder / name
    shutil.rmtree(target, ignore_errors=True)
    partial.replace(target)


def case_files(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Return the folder of each case of a bank and what is known about it, in the order of their names."""
    return [(path.parent, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*/case.json"))]


def open_case(folder: Path, about: Mapping[str, Any]) -> TrainingCase:
    """Open one case that :func:`case_files` found."""
    with np.load(folder / "points.npz") as stored:
        points = {key: stored[key] for key in stored.files}
    hu, labels = (open_memmap(folder / f"{name}.npy", mode="r") for name in ("hu", "labels"))
    return TrainingCase(folder.name, str(about["source"]), hu, labels, points)


def some_points(points: NDArray[np.int64], most: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """Return ``points`` (N, 3), or ``most`` of them drawn at random."""
    if len(points) > most:
        points = points[rng.choice(len(points), most, replace=False)]
    return points.astype(np.int16)
