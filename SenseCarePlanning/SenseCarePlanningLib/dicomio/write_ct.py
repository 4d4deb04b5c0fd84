"""Write a volume as a DICOM CT series that any viewer or PACS takes (CT Image Storage, PS3.3 A.3)."""

from __future__ import annotations

import hashlib
import os
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, RLELossless

from ..errors import InputError
from ..volume import Volume
from .files import direction_is_orthonormal
from .study import StudyInfo

# Stored value = HU + 1024, as most CT scanners write it.
RESCALE_INTERCEPT_HU = -1024
IMPLEMENTATION_UID = UID("2.25.194871264938461536475893520641876123457")
_UID_NAMESPACE = uuid.UUID("6f1c9c53-31d7-4a5f-9d0e-6f0a2c6b8a11")


@dataclass(frozen=True)
class CTSeriesOptions:
    """Acquisition facts written into the headers; None is written as empty, never made up.

    Parameters
    ----------
    seed
        Goes, with the voxels and the grid, into the UIDs: the same series written twice has the same UIDs.
    compressed
        "rle" writes RLE Lossless; None writes Explicit VR Little Endian.
    """

    kernel: str | None = None
    kvp: float | None = None
    tube_current_ma: float | None = None
    slice_thickness_mm: float | None = None
    manufacturer: str | None = None
    model: str | None = None
    series_number: int = 1
    image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "AXIAL")
    patient_position: str = "HFS"
    window_hu: tuple[float, float] = (-600.0, 1500.0)
    seed: int = 0
    compressed: str | None = None


def _uid(seed_text: str) -> UID:
    """Return a UID under 2.25 made from a name-based UUID (PS3.5 B.2)."""
    return UID(f"2.25.{uuid.uuid5(_UID_NAMESPACE, seed_text).int}")


def _decimal(value: float) -> str:
    """Write a number as a DICOM decimal string: at most 16 characters."""
    text = repr(round(float(value), 10) + 0.0)
    for digits in range(12, 3, -1):
        if len(text) <= 16:
            break
        text = f"{float(value):.{digits}g}"
    return text


def _date(iso: str | None) -> str:
    return iso.replace("-", "") if iso else ""


def _time(iso: str | None) -> str:
    return iso.replace(":", "") if iso else ""


def _stored(volume: Volume) -> NDArray[np.int16]:
    """Return HU as stored values, int16."""
    values = np.rint(volume.array_kji).astype(np.int32) - RESCALE_INTERCEPT_HU
    if values.min() < -32768 or values.max() > 32767:
        raise ValueError(f"HU from {volume.array_kji.min()} to {volume.array_kji.max()} do not fit 16 bits")
    return np.asarray(values, dtype=np.int16)


def _common(volume: Volume, study: StudyInfo, options: CTSeriesOptions, root: str) -> Dataset:
    """Return the attributes that all slices of the series share."""
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.ImageType = list(options.image_type)
    data.SOPClassUID = CTImageStorage
    data.StudyDate, data.StudyTime = _date(study.study_date), _time(study.study_time)
    data.SeriesDate, data.SeriesTime = _date(study.series_date), _time(study.series_time)
    data.ContentDate = _date(study.series_date or study.study_date)
    data.ContentTime = _time(study.series_time or study.study_time)
    data.AccessionNumber = study.accession_number or ""
    data.Modality = "CT"
    data.Manufacturer = options.manufacturer or ""
    if study.institution:
        data.InstitutionName = study.institution
    data.ReferringPhysicianName = study.referring_physician or ""
    if study.study_description:
        data.StudyDescription = study.study_description
    if study.series_description:
        data.SeriesDescription = study.series_description
    if options.model:
        data.ManufacturerModelName = options.model
    data.PatientName, data.PatientID = study.patient_name or "", study.patient_id or ""
    data.PatientBirthDate, data.PatientSex = _date(study.birth_date), study.sex or ""
    if study.age:
        data.PatientAge = study.age
    data.StudyInstanceUID = study.study_uid or _uid(f"{root}:study")
    data.SeriesInstanceUID = study.series_uid or _uid(f"{root}:series")
    data.FrameOfReferenceUID = study.frame_of_reference_uid or _uid(f"{root}:frame")
    data.PositionReferenceIndicator = ""
    data.StudyID, data.SeriesNumber, data.AcquisitionNumber = study.study_id or "", options.series_number, 1
    _acquisition(data, options)
    _image(data, volume, options)
    return data


def _acquisition(data: Dataset, options: CTSeriesOptions) -> None:
    data.KVP = _decimal(options.kvp) if options.kvp is not None else None
    if options.tube_current_ma is not None:
        data.XRayTubeCurrent = round(options.tube_current_ma)
    if options.kernel:
        data.ConvolutionKernel = options.kernel
    data.SliceThickness = _decimal(options.slice_thickness_mm) if options.slice_thickness_mm is not None else None
    data.PatientPosition = options.patient_position


def _image(data: Dataset, volume: Volume, options: CTSeriesOptions) -> None:
    spacing_i, spacing_j, spacing_k = (float(value) for value in volume.grid.spacing_ijk_mm)
    data.PixelSpacing = [_decimal(spacing_j), _decimal(spacing_i)]
    data.SpacingBetweenSlices = _decimal(spacing_k)
    row = volume.affine_ijk_to_lps[:3, 0] / spacing_i
    column = volume.affine_ijk_to_lps[:3, 1] / spacing_j
    data.ImageOrientationPatient = [_decimal(value) for value in (*row, *column)]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = volume.array_kji.shape[1], volume.array_kji.shape[2]
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.BurnedInAnnotation, data.LossyImageCompression = "NO", "00"
    data.WindowCenter, data.WindowWidth = (_decimal(value) for value in options.window_hu)
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = str(RESCALE_INTERCEPT_HU), "1", "HU"


def _file_meta(instance_uid: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = instance_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    return meta


def _slice_dataset(common: Dataset, volume: Volume, stored: NDArray[np.int16], k: int, root: str) -> Dataset:
    data = Dataset()
    data.update(common)
    position = volume.grid.lps_from_ijk((0, 0, k))
    normal = np.cross(volume.affine_ijk_to_lps[:3, 0], volume.affine_ijk_to_lps[:3, 1])
    data.SOPInstanceUID = _uid(f"{root}:{k}")
    data.InstanceNumber = k + 1
    data.ImagePositionPatient = [_decimal(value) for value in position]
    data.SliceLocation = _decimal(float(position @ normal / np.linalg.norm(normal)))
    data.PixelData = stored[k].tobytes()
    data["PixelData"].VR = "OW"
    data.file_meta = _file_meta(data.SOPInstanceUID)
    return data


def write_ct_series(volume: Volume, folder: Path, study: StudyInfo | None = None, **options: Any) -> tuple[Path, ...]:
    """Write one DICOM file for each slice ``array[k]`` of a volume in HU; returns the paths in the order of k.

    Parameters
    ----------
    volume
        HU; its k axis must be at right angles to the slices (any oblique direction, either hand).
    folder
        Made if absent; must hold nothing. The files appear together once all are written.
    study
        Identity to write. UIDs that it lacks are derived from voxels, grid and seed.
    **options
        Fields of :class:`CTSeriesOptions`: ``kernel``, ``kvp``, ``tube_current_ma``, ``slice_thickness_mm``, ``seed``, ...

    Raises
    ------
    InputError
        When the folder already holds something.
    ValueError
        When the grid is sheared or HU do not fit 16 bits.
    """
    settings = CTSeriesOptions(**options)
    folder = Path(folder)
    if settings.compressed not in (None, "rle"):
        raise ValueError(f"cannot compress as {settings.compressed!r}; known: 'rle'")
    if not direction_is_orthonormal(volume.affine_ijk_to_lps):
        raise ValueError("a sheared grid cannot be written as a CT series")
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"The folder {folder.name} is not empty; a DICOM series is written only into a new folder.")
    stored = _stored(volume)
    digest = hashlib.sha256(stored.tobytes() + volume.affine_ijk_to_lps.tobytes()).hexdigest()
    root = f"{settings.seed}:{digest}"
    common = _common(volume, study or StudyInfo(), settings, root)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=folder.parent) as scratch:
        names = [
            _write_slice(_slice_dataset(common, volume, stored, k, root), k, Path(scratch), settings.compressed)
            for k in range(len(stored))
        ]
        folder.mkdir(exist_ok=True)
        for name in names:
            os.replace(Path(scratch) / name, folder / name)
    return tuple(folder / name for name in names)


def _write_slice(data: Dataset, k: int, folder: Path, compressed: str | None) -> str:
    if compressed == "rle":
        data.compress(RLELossless, generate_instance_uid=False)
    name = f"IM{k + 1:05d}.dcm"
    data.save_as(folder / name, enforce_file_format=True)
    return name
