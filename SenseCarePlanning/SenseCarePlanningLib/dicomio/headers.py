"""What a CT slice's header says, read so that no damage raises: what cannot be read becomes a sentence."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

LARGEST_SIDE = 4096


@dataclass(frozen=True)
class PixelPlace:
    """Where in the file the pixels of one image lie, and how they are stored.

    Parameters
    ----------
    offset, length
        Byte range of the uncompressed pixels of this frame, or of the whole encapsulated element; offset -1 when
        the file must be unpacked first (deflated).
    problem
        Why the pixels cannot be whole, judged by the file's length alone; empty when they can.
    """

    transfer_syntax: str
    offset: int = -1
    length: int = 0
    problem: str = ""


@dataclass(frozen=True)
class ImageHeader:
    """The facts of one image (one slice, or one frame of a multi-frame file) that loading rests on.

    ``None`` stands for absent; ``problems`` names what is present but unreadable.
    """

    path: Path = field(repr=False)
    frame: int
    series_uid: str
    sop_uid: str = ""
    sop_class: str = ""
    modality: str | None = None
    image_type: tuple[str, ...] = ()
    identity: str = field(default="", repr=False)
    study_uid: str = ""
    frame_of_reference_uid: str | None = None
    series_number: int | None = None
    series_description: str | None = None
    instance_number: int | None = None
    acquisition_number: int | None = None
    rows: int | None = None
    columns: int | None = None
    position: tuple[float, ...] | None = None
    orientation: tuple[float, ...] | None = None
    pixel_spacing: tuple[float, ...] | None = None
    slice_location: float | None = None
    slice_thickness_mm: float | None = None
    tilt_deg: float | None = None
    kernel: str | None = None
    samples: int = 1
    photometric: str = "MONOCHROME2"
    bits_allocated: int | None = None
    bits_stored: int | None = None
    high_bit: int | None = None
    signed: bool | None = None
    slope: float | None = None
    intercept: float | None = None
    rescale_type: str | None = None
    padding: tuple[int, int] | None = None
    lossy: bool = False
    pixels: PixelPlace = field(default_factory=lambda: PixelPlace(""), repr=False)
    problems: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How messages name the image: its file, and the frame where a file holds several."""
        return self.path.name if self.frame < 0 else f"{self.path.name} frame {self.frame + 1}"

    @property
    def frame_index(self) -> int:
        """Index of the frame inside its file, from 0."""
        return max(self.frame, 0)


class TagReader:
    """Reads single attributes of a dataset and collects a sentence for each that is present but unreadable."""

    def __init__(self, data: Dataset) -> None:
        self.data = data
        self.problems: list[str] = []

    def _get(self, keyword: str) -> Any:
        try:
            value = self.data.get(keyword)
        except Exception as error:  # a damaged element can raise nearly anything inside the parser
            self.problems.append(f"{keyword} is unreadable ({type(error).__name__})")
            return None
        return None if value is None or value == "" else value

    def _convert(self, keyword: str, convert: Callable[[Any], Any]) -> Any:
        value = self._get(keyword)
        if value is None:
            return None
        try:
            return convert(value)
        except (TypeError, ValueError, OverflowError, ArithmeticError, AttributeError):
            self.problems.append(f"{keyword} holds something that cannot be right")
            return None

    def text(self, keyword: str) -> str | None:
        """Return text, or None."""

        def convert(value: Any) -> str | None:
            # Damage can leave control characters, and several values where one is meant.
            cleaned = "".join(character for character in str(value) if character.isprintable()).strip(" \0")
            return cleaned or None

        found: str | None = self._convert(keyword, convert)
        return found

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return a multi-valued text as a tuple; empty when absent."""

        def convert(value: Any) -> tuple[str, ...]:
            return (value,) if isinstance(value, str) else tuple(str(part) for part in value)

        found: tuple[str, ...] | None = self._convert(keyword, convert)
        return found or ()

    def whole(self, keyword: str) -> int | None:
        """Return a whole number, or None."""
        found: int | None = self._convert(keyword, int)
        return found

    def number(self, keyword: str) -> float | None:
        """Return a finite number, or None."""

        def convert(value: Any) -> float:
            number = float(value)
            if not math.isfinite(number):
                raise ValueError(keyword)
            return number

        found: float | None = self._convert(keyword, convert)
        return found

    def numbers(self, keyword: str, count: int) -> tuple[float, ...] | None:
        """Return exactly ``count`` finite numbers, or None."""

        def convert(value: Any) -> tuple[float, ...]:
            values = tuple(float(part) for part in value)
            if len(values) != count or not all(math.isfinite(part) for part in values):
                raise ValueError(keyword)
            return values

        found: tuple[float, ...] | None = self._convert(keyword, convert)
        return found

    def item(self, keyword: str, index: int = 0) -> Dataset:
        """Return one item of a sequence; an empty dataset when there is none."""
        sequence = self._get(keyword)
        try:
            return sequence[index] if sequence is not None else Dataset()
        except (IndexError, TypeError, KeyError):
            return Dataset()


def _padding(reader: TagReader) -> tuple[int, int] | None:
    """Return the range of stored values that are no measurement, as raw whole numbers."""
    first = reader.whole("PixelPaddingValue")
    if first is None:
        return None
    last = reader.whole("PixelPaddingRangeLimit")
    last = first if last is None else last
    return (min(first, last), max(first, last))


def _common(reader: TagReader) -> dict[str, Any]:
    """Return what single-frame and multi-frame files state at the top level."""
    identity = "|".join(reader.text(keyword) or "" for keyword in ("PatientID", "PatientName", "PatientBirthDate"))
    signed = reader.whole("PixelRepresentation")
    return {
        "series_uid": reader.text("SeriesInstanceUID") or "",
        "sop_uid": reader.text("SOPInstanceUID") or "",
        "sop_class": reader.text("SOPClassUID") or "",
        "modality": reader.text("Modality"),
        "identity": hashlib.sha256(identity.encode()).hexdigest()[:16],
        "study_uid": reader.text("StudyInstanceUID") or "",
        "frame_of_reference_uid": reader.text("FrameOfReferenceUID"),
        "series_number": reader.whole("SeriesNumber"),
        "series_description": reader.text("SeriesDescription"),
        "rows": reader.whole("Rows"),
        "columns": reader.whole("Columns"),
        "samples": reader.whole("SamplesPerPixel") or 1,
        "photometric": (reader.text("PhotometricInterpretation") or "MONOCHROME2").upper(),
        "bits_allocated": reader.whole("BitsAllocated"),
        "bits_stored": reader.whole("BitsStored"),
        "high_bit": reader.whole("HighBit"),
        "signed": None if signed is None else signed == 1,
        "padding": _padding(reader),
        "lossy": reader.text("LossyImageCompression") == "01",
    }


def _geometry(reader: TagReader) -> dict[str, Any]:
    return {
        "image_type": tuple(part.upper() for part in reader.texts("ImageType")),
        "instance_number": reader.whole("InstanceNumber"),
        "acquisition_number": reader.whole("AcquisitionNumber"),
        "position": reader.numbers("ImagePositionPatient", 3),
        "orientation": reader.numbers("ImageOrientationPatient", 6),
        "pixel_spacing": reader.numbers("PixelSpacing", 2),
        "slice_location": reader.number("SliceLocation"),
        "slice_thickness_mm": reader.number("SliceThickness"),
        "tilt_deg": reader.number("GantryDetectorTilt"),
        "kernel": "/".join(reader.texts("ConvolutionKernel")) or None,
        "slope": reader.number("RescaleSlope"),
        "intercept": reader.number("RescaleIntercept"),
        "rescale_type": reader.text("RescaleType"),
    }


def header_of_slice(path: Path, data: Dataset, pixels: PixelPlace) -> ImageHeader:
    """Return the header of a single-frame image."""
    reader = TagReader(data)
    values = {**_common(reader), **_geometry(reader)}
    return ImageHeader(path=path, frame=-1, pixels=pixels, problems=tuple(reader.problems), **values)


def headers_of_frames(path: Path, data: Dataset, pixels: PixelPlace, count: int) -> list[ImageHeader]:
    """Return one header for each frame of a multi-frame (Enhanced CT) image.

    The functional groups (PS3.3 C.7.6.16) state geometry and rescale once for all frames or frame by frame; a frame's own wins.
    """
    top = TagReader(data)
    common = _common(top)
    shared = top.item("SharedFunctionalGroupsSequence")
    frame_bytes = 0
    if common["rows"] and common["columns"] and common["bits_allocated"]:
        frame_bytes = common["rows"] * common["columns"] * common["samples"] * common["bits_allocated"] // 8
    headers = []
    for frame in range(count):
        merged, problems = _frame_dataset(data, shared, top.item("PerFrameFunctionalGroupsSequence", frame))
        reader = TagReader(merged)
        values = _geometry(reader)
        values["instance_number"] = frame + 1
        place = pixels
        if pixels.offset >= 0 and pixels.length and not pixels.problem and frame_bytes and not _is_encapsulated(pixels):
            place = PixelPlace(pixels.transfer_syntax, pixels.offset + frame * frame_bytes, frame_bytes)
        found = (*top.problems, *problems, *reader.problems)
        headers.append(ImageHeader(path=path, frame=frame, pixels=place, problems=found, **{**common, **values}))
    return headers


def _is_encapsulated(pixels: PixelPlace) -> bool:
    return pixels.transfer_syntax.startswith("1.2.840.10008.1.2.4") or pixels.transfer_syntax == "1.2.840.10008.1.2.5"


_MACROS = {
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness"),
    "PixelValueTransformationSequence": ("RescaleIntercept", "RescaleSlope", "RescaleType"),
    "CTReconstructionSequence": ("ConvolutionKernel",),
    "CTAcquisitionDetailsSequence": ("GantryDetectorTilt",),
    "CTImageFrameTypeSequence": ("FrameType",),
}


def _frame_dataset(data: Dataset, shared: Dataset, own: Dataset) -> tuple[Dataset, list[str]]:
    """Flatten the functional groups of one frame into the attributes a single-frame image would have."""
    flat = Dataset()
    problems: list[str] = []
    for sequence, keywords in _MACROS.items():
        for group in (shared, own):
            reader = TagReader(group)
            item = reader.item(sequence)
            problems += reader.problems
            for keyword in keywords:
                if keyword in item:
                    flat["ImageType" if keyword == "FrameType" else keyword] = _renamed(item, keyword)
    if "ImageType" not in flat and "ImageType" in data:
        flat["ImageType"] = data["ImageType"]
    return flat, problems


def _renamed(item: Dataset, keyword: str) -> Any:
    element = item[keyword]
    if keyword != "FrameType":
        return element
    holder = Dataset()
    holder.ImageType = element.value
    return holder["ImageType"]
