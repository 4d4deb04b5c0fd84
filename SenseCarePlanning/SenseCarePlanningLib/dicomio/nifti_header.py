"""What of a NIfTI file must be checked before a reader is trusted with it: readers fill what is missing with zeros."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

HEADER_BYTES = 348
_GZIP_MAGIC = b"\x1f\x8b"
_BITS = {2: 8, 4: 16, 8: 32, 16: 32, 64: 64, 256: 8, 512: 16, 768: 32, 1024: 64, 1280: 64}
_RELATIVE_TOLERANCE = 1e-3
_POSITION_TOLERANCE_MM = 0.01
_RGB_CODES = {128: "RGB", 2304: "RGBA", 32: "complex", 1792: "complex", 2048: "complex"}


@dataclass(frozen=True)
class NiftiHeader:
    """The fields of a NIfTI-1 header that decide whether the file is whole and where it lies."""

    shape: tuple[int, ...]
    datatype: int
    bits: int
    data_offset: int
    pixdim: tuple[float, ...]
    scaling: tuple[float, float]
    qform_code: int
    sform_code: int
    quaternion: tuple[float, ...]
    rows: tuple[tuple[float, ...], ...]

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
        if len(raw) >= HEADER_BYTES and struct.unpack_from(order + "i", raw, 0)[0] == HEADER_BYTES and raw[344:348] == b"n+1\0":
            return _parse(raw, order)
        if len(raw) >= 540 and struct.unpack_from(order + "i", raw, 0)[0] == 540 and raw[4:8] == b"n+2\0":
            return _parse_second(raw, order)
    raise InputError(f"The file {path.name} is not a NIfTI image, though its name says so.")


def _parse(raw: bytes, order: str) -> NiftiHeader:
    dim = struct.unpack_from(order + "8h", raw, 40)
    datatype, bits = struct.unpack_from(order + "2h", raw, 70)
    pixdim = struct.unpack_from(order + "8f", raw, 76)
    offset, slope, intercept = struct.unpack_from(order + "3f", raw, 108)
    qform, sform = struct.unpack_from(order + "2h", raw, 252)
    numbers = struct.unpack_from(order + "18f", raw, 256)
    return _header(dim, datatype, bits, offset, pixdim, (slope, intercept), (qform, sform), numbers)


def _parse_second(raw: bytes, order: str) -> NiftiHeader:
    datatype, bits = struct.unpack_from(order + "2h", raw, 12)
    dim = struct.unpack_from(order + "8q", raw, 16)
    pixdim = struct.unpack_from(order + "8d", raw, 104)
    offset = struct.unpack_from(order + "q", raw, 168)[0]
    scaling = struct.unpack_from(order + "2d", raw, 176)
    codes = struct.unpack_from(order + "2i", raw, 344)
    numbers = struct.unpack_from(order + "18d", raw, 352)
    return _header(dim, datatype, bits, offset, pixdim, scaling, codes, numbers)


def _header(dim: Any, datatype: int, bits: int, offset: float, *rest: Any) -> NiftiHeader:
    pixdim, scaling, (qform, sform), numbers = rest
    shape = tuple(dim[1 : 1 + max(min(dim[0], 7), 0)])
    rows = (numbers[6:10], numbers[10:14], numbers[14:18])
    start = int(offset) if math.isfinite(offset) else -1
    return NiftiHeader(shape, datatype, bits, start, pixdim, scaling, qform, sform, numbers[:6], rows)


def _qform(header: NiftiHeader) -> NDArray[np.float64]:
    """Return the (3, 4) affine to RAS of the quaternion form (NIfTI-1, "method 2")."""
    b, c, d = header.quaternion[:3]
    a = math.sqrt(max(1.0 - (b * b + c * c + d * d), 0.0))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    handed = -1.0 if header.pixdim[0] < 0 else 1.0
    scale = np.array(header.pixdim[1:4]) * np.array([1.0, 1.0, handed])
    return np.hstack([turn * scale, np.array(header.quaternion[3:6])[:, None]])


def _geometry_problems(header: NiftiHeader) -> list[str]:
    """Compare what the header says twice: voxel sizes, and the two forms of the affine."""
    sizes = np.array(header.pixdim[1:4], dtype=np.float64)
    forms = [np.array(header.rows, dtype=np.float64)] if header.sform_code > 0 else []
    if header.qform_code > 0:
        forms.append(_qform(header))
    if not np.isfinite(sizes).all() or (sizes <= 0).any() or not all(np.isfinite(form).all() for form in forms):
        return ["its voxel sizes or axes are no possible numbers"]
    problems = []
    for form in forms:
        stated = np.linalg.norm(form[:, :3], axis=0)
        if (np.abs(stated - sizes) > _RELATIVE_TOLERANCE * sizes).any():
            problems.append("it states two different voxel sizes")
    apart = np.abs(forms[0] - forms[1]) if len(forms) == 2 else np.zeros((3, 4))
    # Differing codes may mean two different spaces; the same code twice must mean the same place.
    if header.qform_code == header.sform_code and (
        (apart[:, :3] > _RELATIVE_TOLERANCE * sizes).any() or apart[:, 3].max() > _POSITION_TOLERANCE_MM
    ):
        problems.append("it states two different positions in the patient")
    return problems[:1]


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
    elif _BITS.get(header.datatype) != header.bits:
        problems.append(f"{path.name}: the header states an impossible type of number ({header.datatype}, {header.bits} bits)")
    if not all(math.isfinite(value) for value in header.scaling):
        problems.append(f"{path.name}: the header states an impossible scaling {header.scaling}")
    problems += [f"{path.name}: {problem}" for problem in _geometry_problems(header)]
    try:
        total = _unpacked_bytes(path)
    except (OSError, EOFError, zlib.error) as error:
        problems.append(f"{path.name}: the compressed data is damaged or cut short ({type(error).__name__})")
    else:
        wanted = header.data_offset + header.data_bytes
        if total != wanted:
            problems.append(
                f"{path.name}: {total} bytes where its header promises {wanted}; it is cut short, or its header damaged"
            )
    if problems:
        raise InputError(f"The image file {path.name} cannot be used.", problems)
    return header


def nifti_warnings(path: Path) -> list[str]:
    """Say what a NIfTI header leaves open about where the image lies."""
    header = read_nifti_header(path)
    if header.qform_code <= 0 and header.sform_code <= 0:
        return ["the file does not say how the image lies in the patient; left and right may be exchanged"]
    return []
