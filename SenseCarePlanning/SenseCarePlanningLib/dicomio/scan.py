"""Find every DICOM image under a path, and say of every other file what it is."""

from __future__ import annotations

import io
import logging
import os
import struct
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from .headers import ImageHeader, PixelPlace, header_of_slice, headers_of_frames

logger = logging.getLogger(__name__)

UNCOMPRESSED = {ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian}
DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
_MAX_FRAMES = 20000


@dataclass
class ScanResult:
    """What lies under a path: image headers, and the files that are none.

    Parameters
    ----------
    damaged
        File name -> sentence, for files that claim to be DICOM images but cannot be read.
    not_dicom
        Names of files that are no DICOM and do not claim to be.
    other_dicom
        Names of DICOM files without an image: reports, presentation states, DICOMDIR.
    """

    images: list[ImageHeader] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)
    not_dicom: list[str] = field(default_factory=list)
    other_dicom: list[str] = field(default_factory=list)


def files_under(path: Path) -> list[Path]:
    """Return the files under a folder in a stable order, hidden ones left out; a file alone is itself."""
    if path.is_file():
        return [path]
    found = []
    for folder, folders, names in os.walk(path, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(folder) / name for name in sorted(names) if not name.startswith(".")]
    return [file for file in found if file.is_file()]


def scan(paths: Iterable[Path]) -> ScanResult:
    """Read the header of every file; nothing raises for a damaged one."""
    result = ScanResult()
    for path in paths:
        _scan_file(path, result)
    return result


def _scan_file(path: Path, result: ScanResult) -> None:
    claims = path.name.lower().endswith(DICOM_SUFFIXES)
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(256)
    except OSError as error:
        result.damaged[path.name] = f"cannot be opened ({error.strerror})"
        return
    if size == 0:
        if claims:
            result.damaged[path.name] = "is empty (zero bytes)"
        else:
            result.not_dicom.append(path.name)
        return
    has_preamble = start[128:132] == b"DICM"
    # Some older writers leave out the preamble; such a file starts with a group 0002 or 0008 element.
    bare = start[:2] in (b"\x02\x00", b"\x08\x00") and start[3:4] == b"\x00"
    if not has_preamble and not bare:
        if claims:
            result.damaged[path.name] = "is not a DICOM file, though its name says so"
        else:
            result.not_dicom.append(path.name)
        return
    _read_dicom(path, result, claims or has_preamble)


def _read_dicom(path: Path, result: ScanResult, claims: bool) -> None:
    try:
        with warnings.catch_warnings(), path.open("rb") as stream:
            warnings.simplefilter("ignore")
            data, pixels = _read_header(stream, path.stat().st_size)
            headers = _headers(path, data, pixels)
    except Exception as error:  # damaged DICOM makes the parser raise nearly anything
        logger.debug("unreadable header", exc_info=True)
        if claims:
            result.damaged[path.name] = f"is damaged: its DICOM header cannot be read ({type(error).__name__})"
        else:
            result.not_dicom.append(path.name)
        return
    if headers:
        result.images += headers
    elif _is_image_class(data):
        result.damaged[path.name] = "is damaged or cut short: it says it is an image but holds no pixels"
    elif not len(data) or "SOPClassUID" not in data:
        if claims and "DirectoryRecordSequence" not in data:
            result.damaged[path.name] = "is damaged: its DICOM header does not say what it holds (no SOP Class UID)"
        else:
            result.other_dicom.append(path.name)
    else:
        result.other_dicom.append(path.name)


def _is_image_class(data: Dataset) -> bool:
    sop_class = str(data.get("SOPClassUID", ""))
    is_ct = sop_class.startswith(("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"))
    return is_ct and "1.1.481" not in sop_class


def _read_header(stream: BinaryIO, size: int) -> tuple[Dataset, PixelPlace | None]:
    """Parse up to the pixel data, and check by its stated length whether that is whole."""

    def at_pixels(tag: Any, vr: str | None, length: int) -> bool:
        """Tell whether the header has come to the pixels."""
        return bool(tag >= 0x7FE00008 and tag < 0x7FE10000)

    data = read_partial(stream, stop_when=at_pixels, force=True)
    syntax = data.file_meta.get("TransferSyntaxUID") if hasattr(data, "file_meta") else None
    if syntax is None:
        syntax = _guessed_syntax(data)
    if syntax == DeflatedExplicitVRLittleEndian:
        stream.seek(0)
        whole = pydicom.dcmread(stream, force=True)
        has_pixels = "PixelData" in whole
        place = PixelPlace(str(syntax), -1, len(whole.PixelData) if has_pixels else 0) if has_pixels else None
        if has_pixels:
            del whole["PixelData"]
        return whole, place
    return data, _pixel_place(stream, str(syntax), size)


def _guessed_syntax(data: Dataset) -> str:
    encoding = getattr(data, "original_encoding", (True, True))
    implicit, little = encoding[0], encoding[1]
    if implicit:
        return str(ImplicitVRLittleEndian)
    return str(ExplicitVRLittleEndian if little else ExplicitVRBigEndian)


def _pixel_place(stream: BinaryIO, syntax: str, size: int) -> PixelPlace | None:
    """Read tag and length of the pixel element at the stream's position."""
    start = stream.tell()
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    head = stream.read(12)
    if len(head) < 12 or struct.unpack_from(order + "2H", head, 0) != (0x7FE0, 0x0010):
        return None
    if syntax == ImplicitVRLittleEndian:
        length, offset = struct.unpack_from("<I", head, 4)[0], start + 8
    else:
        length, offset = struct.unpack_from(order + "I", head, 8)[0], start + 12
    if syntax in UNCOMPRESSED:
        if length == 0xFFFFFFFF:
            return PixelPlace(syntax, offset, 0, "its pixel data states no length though it is not compressed")
        missing = offset + length - size
        problem = f"is cut short: {missing} bytes of its pixel data are missing" if missing > 0 else ""
        return PixelPlace(syntax, offset, length, problem)
    if length != 0xFFFFFFFF:
        return PixelPlace(syntax, offset, length, "its compressed pixel data is not divided into frames")
    return PixelPlace(syntax, offset, size - offset, _encapsulation_problem(stream, offset, size))


def _encapsulation_problem(stream: BinaryIO, offset: int, size: int) -> str:
    """Walk the fragments of compressed pixel data (PS3.5 A.4) without reading them."""
    position = offset
    while True:
        stream.seek(position)
        head = stream.read(8)
        if len(head) < 8:
            return "is cut short: its compressed pixel data has no end"
        group, element, length = struct.unpack("<2HI", head)
        if (group, element) == (0xFFFE, 0xE0DD):
            return ""
        if (group, element) != (0xFFFE, 0xE000):
            return "is damaged: its compressed pixel data is not divided into frames as it should be"
        position += 8 + length
        if position > size:
            return "is cut short: a frame of its compressed pixel data ends behind the end of the file"


def _headers(path: Path, data: Dataset, pixels: PixelPlace | None) -> list[ImageHeader]:
    if pixels is None:
        return []
    count = data.get("NumberOfFrames")
    frames = int(count) if count is not None else 1
    if frames > 1 or "PerFrameFunctionalGroupsSequence" in data:
        if not 1 <= frames <= _MAX_FRAMES:
            raise ValueError(f"{frames} frames")
        return headers_of_frames(path, data, pixels, frames)
    return [header_of_slice(path, data, pixels)]


def unpack_deflated(path: Path) -> bytes:
    """Return the pixel bytes of a deflated file."""
    data = pydicom.dcmread(io.BytesIO(path.read_bytes()), force=True)
    return bytes(data.PixelData)
