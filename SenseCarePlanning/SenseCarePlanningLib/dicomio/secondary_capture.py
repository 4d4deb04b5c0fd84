"""Pictures as DICOM Secondary Captures of a study, so that a PACS shows them beside the images."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset
from pydicom.uid import SecondaryCaptureImageStorage

from ..errors import InputError
from .new_object import MANUFACTURER, MODEL, new_object, save_whole
from .study import StudyInfo

NO_STUDY = "No pictures were written as DICOM: the input is not DICOM, so there is no study that they could belong to."
SERIES_NUMBER = 303
SERIES_DESCRIPTION = "SenseCare Planning pictures"


@dataclass(frozen=True, eq=False)
class Capture:
    """One picture.

    Parameters
    ----------
    name
        What it shows; becomes the Image Comments.
    pixels
        uint8, (rows, columns) grey or (rows, columns, 3) red, green, blue.
    pixel_mm
        Size of a pixel in the patient, where the picture is to scale.
    names_patient
        Whether the patient can be read in the picture itself.
    """

    name: str
    pixels: NDArray[np.uint8]
    pixel_mm: float | None = None
    names_patient: bool = False

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or not self.pixels.size or not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)):
            raise ValueError(f"a picture is uint8 of (rows, columns) or (rows, columns, 3), got {self.pixels.dtype} of {shape}")


def read_capture(path: Path, name: str = "") -> Capture:
    """Read a picture file; transparency is laid on white, and a picture without colour becomes grey.

    Raises
    ------
    InputError
        When it is no picture.
    """
    from PIL import Image

    try:
        with Image.open(path) as opened:
            image = opened.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"The picture {path.name} cannot be read.", detail=str(error)) from error
    pixels = np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image).convert("RGB"))
    if (pixels == pixels[..., :1]).all():
        pixels = pixels[..., 0]
    return Capture(name or path.stem.replace("_", " "), np.ascontiguousarray(pixels))


def write_captures(captures: Sequence[Capture], study: StudyInfo, folder: Path) -> tuple[list[Path], str | None]:
    """Write pictures as one series of single-frame Secondary Capture images (DICOM PS3.3 A.8.1).

    The numbers of series and images follow from study and content: what was written and sent before is the same object again,
    not a second one.

    Parameters
    ----------
    study
        Whose they are; without a Study Instance UID there is none that they could belong to.
    folder
        Made if absent.

    Returns
    -------
    files, reason
        The files in the order of the pictures, and None; or nothing, and the reason why not, as a sentence.
    """
    if not study.study_uid:
        return [], NO_STUDY
    series_uid = _uid(f"{study.study_uid}:{study.series_uid}:pictures")
    files = []
    for number, capture in enumerate(captures, start=1):
        path = folder / f"SC{number:04d}.dcm"
        save_whole(_object(capture, study, series_uid, number), path)
        files.append(path)
    return files, None


def _uid(text: str) -> str:
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, text).int}"


def _object(capture: Capture, study: StudyInfo, series_uid: str, number: int) -> FileDataset:
    pixels = capture.pixels
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    data = new_object(SecondaryCaptureImageStorage, study, _uid(f"{series_uid}:{number}:{capture.name}:{pixels.shape}:{digest}"))
    now = datetime.now()
    data.Modality, data.SeriesInstanceUID, data.SeriesNumber = "OT", series_uid, SERIES_NUMBER
    data.SeriesDescription, data.ImageComments = SERIES_DESCRIPTION, capture.name
    data.ConversionType = "WSD"
    data.SecondaryCaptureDeviceManufacturer, data.SecondaryCaptureDeviceManufacturerModelName = MANUFACTURER, MODEL
    data.DateOfSecondaryCapture, data.TimeOfSecondaryCapture = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    data.ContentDate, data.ContentTime = data.DateOfSecondaryCapture, data.TimeOfSecondaryCapture
    data.InstanceNumber, data.PatientOrientation = number, ""
    data.ImageType = ["DERIVED", "SECONDARY"]
    data.BurnedInAnnotation = "YES" if capture.names_patient else "NO"
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel, data.PhotometricInterpretation = (1, "MONOCHROME2") if pixels.ndim == 2 else (3, "RGB")
    if pixels.ndim == 3:
        data.PlanarConfiguration = 0
    else:
        data.WindowCenter, data.WindowWidth = "128", "256"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.LossyImageCompression = "00"
    if capture.pixel_mm is not None:
        data.PixelSpacing = [f"{capture.pixel_mm:.6g}"] * 2
    content = pixels.tobytes()
    data.add_new("PixelData", "OB", content + b"\0" * (len(content) % 2))
    return data
