"""What odd and damaged inputs are made from: a small digital chest, and edits of its files."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from scipy import ndimage

from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.volume import Volume

SHAPE_KJI = (62, 112, 128)
SPACING_MM = (2.6, 2.8, 2.54)
UNKNOWABLE_GROUP = "no reader can know"
STUDY = StudyInfo(patient_name="Digital^Patient", patient_id="BAD-INPUT", study_date="2024-01-02", study_time="10:00:00", sex="O")


@dataclass(frozen=True)
class Made:
    """An input made: its path, and the volume it truly holds (None: the base volume)."""

    path: Path
    truth: Volume | None = None
    series: str | None = None


@dataclass(frozen=True)
class Base:
    """The undamaged series that cases are made from."""

    folder: Path
    volume: Volume

    def copy(self, target: Path) -> list[Path]:
        """Copy the series; returns its files in the order of k."""
        shutil.copytree(self.folder, target)
        return sorted(target.iterdir())


@dataclass(frozen=True)
class Case:
    """One input.

    Parameters
    ----------
    must
        "right", "refused", or "" when either will do.
    partial
        End slices may be left out.
    unknowable
        The file is valid in every respect and holds another measurement, so another volume is no failure.
    """

    name: str
    group: str
    make: Callable[[Base, Path, random.Random], Made]
    must: str = ""
    partial: bool = False
    unknowable: bool = False


def digital_chest(shape_kji: tuple[int, int, int] = SHAPE_KJI, noise_hu: float = 20.0, seed: int = 0) -> Volume:
    """Return a chest of ellipsoids with exact values: body, two lungs, heart, spine, trachea, vessels."""
    affine = np.diag([*SPACING_MM, 1.0])
    affine[:3, 3] = [-SPACING_MM[0] * shape_kji[2] / 2, -SPACING_MM[1] * shape_kji[1] / 2, -300.0]
    k, j, i = np.meshgrid(*(np.arange(size, dtype=np.float32) for size in shape_kji), indexing="ij")
    x = i * SPACING_MM[0] + affine[0, 3]
    y = j * SPACING_MM[1] + affine[1, 3]
    z = k * SPACING_MM[2] - SPACING_MM[2] * shape_kji[0] / 2

    def ellipsoid(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Any:
        return sum(((p - c) / r) ** 2 for p, c, r in zip((x, y, z), centre, radii, strict=True)) < 1

    image = np.full(shape_kji, -1000.0, dtype=np.float32)
    image[((x / 150) ** 2 + (y / 105) ** 2 < 1)] = -90
    image[((x / 140) ** 2 + (y / 95) ** 2 < 1)] = 45
    for side in (-1, 1):
        image[ellipsoid((side * 72, 0, -10), (52, 72, 85))] = -850
        for n in range(14):
            line = ((y - 30 + 5 * n + 0.2 * z) ** 2 + (z + 60 - 9 * n) ** 2 < (5 - 0.25 * n) ** 2) & (abs(x - side * 68) < 46)
            image[line & (image < -400)] = 30
    image[ellipsoid((12, -15, -30), (48, 42, 50))] = 40
    image[(x**2 / 400 + (y - 72) ** 2 / 280 < 1)] = 180 + 60 * np.sin(z / 5)[(x**2 / 400 + (y - 72) ** 2 / 280 < 1)]
    image[((x - 2) ** 2 + (y - 15) ** 2 < 81) & (z > 0)] = -1000
    image = ndimage.gaussian_filter(image, 0.7)
    image += ndimage.gaussian_filter(np.random.default_rng(seed).normal(0, noise_hu * 2.2, shape_kji), 0.5)
    return Volume(np.clip(np.rint(image), -1024, 3071).astype(np.int16), affine)


def edit(path: Path, change: Callable[[Dataset], None]) -> None:
    """Change one DICOM file in place."""
    data = pydicom.dcmread(path)
    change(data)
    data.save_as(path)


def edit_all(change: Callable[[Dataset], None]) -> Callable[[Base, Path, random.Random], Made]:
    """Return a maker that changes every file the same way."""

    def make(base: Base, target: Path, rng: random.Random) -> Made:
        for path in base.copy(target):
            edit(path, change)
        return Made(target)

    return make


def edit_one(change: Callable[[Dataset], None], at: int | None = None) -> Callable[[Base, Path, random.Random], Made]:
    """Return a maker that changes one file."""

    def make(base: Base, target: Path, rng: random.Random) -> Made:
        files = base.copy(target)
        edit(files[at if at is not None else rng.randrange(4, len(files) - 4)], change)
        return Made(target)

    return make


def edit_bytes(change: Callable[[bytearray, random.Random, int], Any], at: int | None = None) -> Callable[..., Made]:
    """Return a maker that changes the bytes of one file; ``change`` gets the offset of the pixels."""

    def make(base: Base, target: Path, rng: random.Random) -> Made:
        files = base.copy(target)
        path = files[at if at is not None else rng.randrange(len(files))]
        raw = bytearray(path.read_bytes())
        pixels = raw.find(b"\xe0\x7f\x10\x00") + 12
        changed = change(raw, rng, pixels)
        path.write_bytes(bytes(raw if changed is None else changed))
        return Made(target)

    return make


def flip(raw: bytearray, position: int, rng: random.Random) -> None:
    """Flip one random bit of a byte."""
    raw[position] ^= 1 << rng.randrange(8)


def delete(keyword: str) -> Callable[[Dataset], None]:
    """Return an edit that deletes an attribute."""

    def change(data: Dataset) -> None:
        if keyword in data:
            del data[keyword]

    return change


def put(**values: Any) -> Callable[[Dataset], None]:
    """Return an edit that sets attributes."""

    def change(data: Dataset) -> None:
        for keyword, value in values.items():
            if keyword.startswith("PixelPadding"):
                data.add_new(keyword, "SS", value)
            else:
                setattr(data, keyword, value)

    return change


def rotation(degrees: float) -> np.ndarray[Any, Any]:
    a, b = np.radians(degrees), np.radians(degrees / 2)
    turn_x = np.array([[1, 0, 0, 0], [0, np.cos(a), -np.sin(a), 0], [0, np.sin(a), np.cos(a), 0], [0, 0, 0, 1]])
    turn_z = np.array([[np.cos(b), -np.sin(b), 0, 0], [np.sin(b), np.cos(b), 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    return np.asarray(turn_z @ turn_x)
