"""What of a NIfTI file must be checked before a reader is trusted with it: readers fill what is missing with zeros."""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError

HEADER_BYTES = 348
_GZIP_MAGIC = b"\x1f\x8b"
_RGB_CODES = {128: "RGB", 2304: "RGBA", 32: "complex", 1792: "complex", 2048: "complex"}


@dataclass(frozen=True)
class NiftiHeader:
    """The fields of a NIfTI-1 header that decide whether the file is whole and where it lies."""

    shape: tuple[int, ...]
    datatype: int
    bits: int
    data_offset: int
    qform_code: int
    sform_code: int

    @property
    def data_bytes(self) -> int:
        """Bytes that the voxels take."""
        count = 1
        for size in self.shape:
            count *= size
        return count * self.bits // 8


def is_nifti(path: Path) -> bool:
    """Tell by the name whether a file is NIfTI."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def read_nifti_header(path: Path) -> NiftiHeader:
    """Read the header of a single-file NIfTI-1 or -2 image.

    Raises
    ------
    InputError
        When the file is no NIfTI, or its gzip stream is damaged at the very start.
    """
    try:
        with _open(path) as stream:
            raw = stream.read(540)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"The file {path.name} is damaged: its compressed data cannot be unpacked.", detail=str(error)
        ) from error
    for order in "<>":
        if len(raw) >= HEADER_BYTES and struct.unpack_from(order + "i", raw, 0)[0] == HEADER_BYTES and raw[344:347] == b"n+1":
            return _parse(raw, order)
        if len(raw) >= 540 and struct.unpack_from(order + "i", raw, 0)[0] == 540 and raw[4:7] == b"n+2":
            return _parse_second(raw, order)
    raise InputError(f"The file {path.name} is not a NIfTI image, though its name says so.")


def _parse(raw: bytes, order: str) -> NiftiHeader:
    dim = struct.unpack_from(order + "8h", raw, 40)
    datatype, bits = struct.unpack_from(order + "2h", raw, 70)
    offset = struct.unpack_from(order + "f", raw, 108)[0]
    qform, sform = struct.unpack_from(order + "2h", raw, 252)
    return NiftiHeader(tuple(dim[1 : 1 + max(min(dim[0], 7), 0)]), datatype, bits, int(offset), qform, sform)


def _parse_second(raw: bytes, order: str) -> NiftiHeader:
    datatype, bits = struct.unpack_from(order + "2h", raw, 12)
    dim = struct.unpack_from(order + "8q", raw, 16)
    offset = struct.unpack_from(order + "q", raw, 168)[0]
    qform, sform = struct.unpack_from(order + "2i", raw, 344)
    return NiftiHeader(tuple(dim[1 : 1 + max(min(dim[0], 7), 0)]), datatype, bits, int(offset), qform, sform)


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as stream:
        magic = stream.read(2)
    return gzip.open(path, "rb") if magic == _GZIP_MAGIC else path.open("rb")  # type: ignore[return-value]


def _unpacked_bytes(path: Path) -> int:
    """Unpack the whole file, which also verifies the checksum of a gzip stream, and return its length."""
    total = 0
    with _open(path) as stream:
        while block := stream.read(1 << 22):
            total += len(block)
    return total


def check_nifti(path: Path) -> NiftiHeader:
    """Check that a NIfTI file is whole and of a kind that can be read as a scalar volume.

    Raises
    ------
    InputError
        When it is not; all problems at once.
    """
    header = read_nifti_header(path)
    problems = []
    if not header.shape or any(size < 1 for size in header.shape):
        problems.append(f"{path.name}: the header states an impossible size {header.shape}")
    if header.datatype in _RGB_CODES:
        problems.append(f"{path.name}: a {_RGB_CODES[header.datatype]} image, but one number per voxel is needed")
    try:
        total = _unpacked_bytes(path)
    except (OSError, EOFError, zlib.error) as error:
        problems.append(f"{path.name}: the compressed data is damaged or cut short ({type(error).__name__})")
    else:
        wanted = header.data_offset + header.data_bytes
        if total < wanted:
            problems.append(f"{path.name}: {total} bytes where the header promises {wanted}; the file is cut short")
    if problems:
        raise InputError(f"The image file {path.name} cannot be used.", problems)
    return header


def nifti_warnings(path: Path) -> list[str]:
    """Say what a NIfTI header leaves open about where the image lies."""
    header = read_nifti_header(path)
    if header.qform_code <= 0 and header.sform_code <= 0:
        return ["the file does not say how the image lies in the patient; left and right may be exchanged"]
    return []
