"""From stored pixel values to Hounsfield units, slice by slice."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from .agreement import listed
from .decoding import DecodedFrame, decode_frames
from .headers import ImageHeader
from .scan import UNCOMPRESSED, unpack_deflated

logger = logging.getLogger(__name__)

# Air is -1000 HU; nothing in a body is darker, and scanners use what lies below for "outside the field of view".
FLOOR_HU = -1024
# The top of the 12-bit scale that CT is defined on; a padding value above it is no measurement.
CEILING_12_BIT_HU = 3071

DECODABLE = {
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.5",
}


def to_hounsfield(stored: NDArray[np.uint16], header: ImageHeader) -> NDArray[np.int16]:
    """Turn stored 16-bit words (rows, columns) into HU, rounded, not yet clipped at the floor.

    Bits above ``bits_stored`` are dropped (old files keep overlays there) and the sign is extended. Without slope and
    intercept the stored values are taken as they are.
    """
    bits = header.bits_stored or 16
    values = stored.astype(np.int32) & ((1 << bits) - 1)
    if header.signed:
        values = (values ^ (1 << (bits - 1))) - (1 << (bits - 1))
    slope = 1.0 if header.slope is None else header.slope
    intercept = 0.0 if header.intercept is None else header.intercept
    if slope == 1.0 and float(intercept).is_integer():
        hounsfield = values + int(max(min(intercept, 1e6), -1e6))
    else:
        hounsfield = np.rint(np.clip(values * slope + intercept, -32768, 32767)).astype(np.int32)
    if header.padding is not None:
        low, high = padding_hu(header)
        if low > CEILING_12_BIT_HU:
            hounsfield = np.where((hounsfield >= low) & (hounsfield <= high), FLOOR_HU, hounsfield)
    return np.asarray(np.clip(hounsfield, -32768, 32767), dtype=np.int16)


def padding_hu(header: ImageHeader) -> tuple[float, float]:
    """Return the padding range in HU; its raw values may be written with or without sign, whatever the pixels have."""
    bits = header.bits_stored or 16
    low, high = header.padding or (0, 0)

    def converted(value: int) -> float:
        """Return a stored value, read with the header's sign and bits, in HU."""
        value &= (1 << bits) - 1
        if header.signed and value >= 1 << (bits - 1):
            value -= 1 << bits
        slope = 1.0 if header.slope is None else header.slope
        return value * slope + (header.intercept or 0.0)

    ends = (converted(low), converted(high))
    return min(ends), max(ends)


def padding_warnings(headers: Sequence[ImageHeader]) -> list[str]:
    """Say when a padding value lies among real HU, where it cannot be told from tissue and was not applied."""
    odd = [header for header in headers if header.padding is not None and -1000 < padding_hu(header)[0] <= CEILING_12_BIT_HU]
    if not odd:
        return []
    return [f"the pixel padding value lies among real Hounsfield units and was not applied: {listed(h.name for h in odd)}"]


def unsupported_syntax(headers: Sequence[ImageHeader]) -> list[str]:
    """Name the compression that cannot be decoded, and the slices that have it."""
    known = DECODABLE | {str(uid) for uid in UNCOMPRESSED} | {str(DeflatedExplicitVRLittleEndian)}
    problems = []
    for syntax in sorted({header.pixels.transfer_syntax for header in headers} - known):
        odd = [header.name for header in headers if header.pixels.transfer_syntax == syntax]
        problems.append(f"the compression {UID(syntax).name or syntax!r} cannot be read: {listed(odd)}")
    return problems


def read_hounsfield(headers: Sequence[ImageHeader]) -> tuple[NDArray[np.int16], list[str]]:
    """Read all slices into one (K, rows, columns) int16 array of HU; returns it with problems, one for each damaged slice."""
    rows, columns = headers[0].rows or 0, headers[0].columns or 0
    array: NDArray[np.int16] = np.zeros((len(headers), rows, columns), dtype=np.int16)
    problems: list[str] = []
    compressed = []
    for k, header in enumerate(headers):
        if header.pixels.transfer_syntax in DECODABLE:
            compressed.append(k)
            continue
        try:
            array[k] = to_hounsfield(_plain(header, rows, columns), header)
        except (OSError, ValueError, zlib.error) as error:
            problems.append(f"{header.name}: its pixel data cannot be read ({error})")
    if compressed:
        chosen = [headers[k] for k in compressed]

        def take(index: int, stored: NDArray[np.uint16]) -> None:
            """Put a decoded frame in its place."""
            array[compressed[index]] = to_hounsfield(stored, chosen[index])

        problems += _decode_problems(chosen, decode_frames(chosen, take))
    return array, problems


def _plain(header: ImageHeader, rows: int, columns: int) -> NDArray[np.uint16]:
    order = ">" if header.pixels.transfer_syntax == ExplicitVRBigEndian else "<"
    if header.pixels.offset < 0:
        stored = np.frombuffer(unpack_deflated(header.path), dtype=order + "u2")
        start = header.frame_index * rows * columns
        stored = stored[start : start + rows * columns]
    else:
        stored = np.fromfile(header.path, dtype=order + "u2", count=rows * columns, offset=header.pixels.offset)
    if stored.size != rows * columns:
        raise ValueError(f"{stored.size} pixels where {rows * columns} are due")
    return np.asarray(stored.reshape(rows, columns).astype(np.uint16))


def _decode_problems(headers: Sequence[ImageHeader], outcomes: Sequence[DecodedFrame]) -> list[str]:
    problems = []
    told = [outcome.whole for outcome in outcomes if outcome.whole is not None]
    # An encoder may end its streams in its own way; then the account fails everywhere, and says nothing about damage.
    trustworthy = bool(told) and sum(told) >= 0.5 * len(told)
    for header, outcome in zip(headers, outcomes, strict=True):
        if outcome.error:
            logger.debug("decoder: %s", outcome.error)
            problems.append(f"{header.name}: its compressed pixel data is damaged and cannot be decoded")
        elif outcome.message:
            problems.append(f"{header.name}: its compressed pixel data is damaged (the decoder reports: {outcome.message[:80]})")
        elif trustworthy and outcome.whole is False:
            problems.append(f"{header.name}: its compressed pixel data is damaged (pixels and stream do not add up)")
    return problems
