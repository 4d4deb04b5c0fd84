"""Does a decoded image account for every bit of its lossless JPEG stream? Damage that a decoder passes over shows here.

Lossless JPEG (ITU-T T.81 annex H) carries no checksum. A flipped bit makes a decoder lose step, after which it goes on
with shifted pixels and reports nothing. But the number of bits that the decoded pixels take under the stream's own Huffman
table is known exactly: the stream must hold just these, and fewer than eight one-bits to fill its last byte.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SOF3, _DHT, _SOS = 0xC3, 0xC4, 0xDA

# The category of a difference modulo 2^16 is the number of bits of its magnitude; 32768 has category 16 of its own.
_CATEGORY = np.frexp(np.abs((np.arange(65536) + 32768) % 65536 - 32768).astype(np.float64))[1]


@dataclass(frozen=True)
class LosslessStream:
    """The parts of a one-component lossless JPEG stream that its length follows from."""

    precision: int
    predictor: int
    code_bits: NDArray[np.int64]
    entropy: bytes


def parse_lossless(frame: bytes) -> LosslessStream | None:
    """Parse a frame; None when it is not the plain kind that can be accounted for (one scan, one component, no restarts)."""
    position, precision = 2, 0
    tables: dict[int, NDArray[np.int64]] = {}
    while position + 4 <= len(frame) and frame[position] == 0xFF:
        marker, length = frame[position + 1], int.from_bytes(frame[position + 2 : position + 4], "big")
        body = frame[position + 4 : position + 2 + length]
        position += 2 + length
        if marker == _SOF3 and len(body) >= 6:
            precision = body[0] if body[5] == 1 else 0
        elif marker == _DHT and len(body) > 17:
            tables[body[0] & 15] = _code_bits(body)
        elif marker == _SOS:
            table = tables.get(body[2] >> 4) if len(body) >= 6 else None
            if not precision or table is None or body[5] & 15:
                return None
            end = _end_of_scan(frame, position)
            return LosslessStream(precision, body[3], table, frame[position:end].replace(b"\xff\x00", b"\xff"))
    return None


def _code_bits(body: bytes) -> NDArray[np.int64]:
    """Return the bits that a difference of each category takes: its code, and its magnitude bits."""
    bits = np.full(17, 1 << 20, dtype=np.int64)
    values = iter(body[17:])
    for length, count in enumerate(body[1:17], start=1):
        for _, category in zip(range(count), values, strict=False):
            if category <= 16:
                bits[category] = length + (category if category < 16 else 0)
    return bits


def _end_of_scan(frame: bytes, start: int) -> int:
    position = start
    while (position := frame.find(b"\xff", position)) >= 0:
        if frame[position + 1 : position + 2] != b"\x00":
            return position
        position += 2
    return len(frame)


def _predicted(samples: NDArray[np.int32], predictor: int, precision: int) -> NDArray[np.int32] | None:
    left, above, corner = samples[1:, :-1], samples[:-1, 1:], samples[:-1, :-1]
    formulas: dict[int, Callable[[], NDArray[np.int32]]] = {
        1: lambda: left,
        2: lambda: above,
        3: lambda: corner,
        4: lambda: left + above - corner,
        5: lambda: left + ((above - corner) >> 1),
        6: lambda: above + ((left - corner) >> 1),
        7: lambda: (left + above) >> 1,
    }
    if predictor not in formulas:
        return None
    predicted = np.empty_like(samples)
    predicted[1:, 1:] = formulas[predictor]()
    # The first row is predicted from the left and the first column from above, whatever the predictor (T.81 H.1.2.1).
    predicted[0, 1:], predicted[1:, 0] = samples[0, :-1], samples[:-1, 0]
    predicted[0, 0] = 1 << (precision - 1)
    return predicted


def _bits_of_difference(stream: LosslessStream) -> NDArray[np.int32]:
    """Return, for each difference modulo 2^16, the bits it takes."""
    return stream.code_bits.astype(np.int32)[_CATEGORY]


def accounts_for_stream(frame: bytes, stored: NDArray[Any]) -> bool | None:
    """Tell whether decoded samples (rows, columns), 16-bit, use up their stream exactly; None when that cannot be told."""
    stream = parse_lossless(frame)
    if stream is None:
        return None
    samples = stored.view(np.uint16).astype(np.int32) & ((1 << stream.precision) - 1)
    predicted = _predicted(samples, stream.predictor, stream.precision)
    if predicted is None:
        return None
    used = int(_bits_of_difference(stream).take(samples - predicted & 0xFFFF).sum(dtype=np.int64))
    spare = 8 * len(stream.entropy) - used
    if not 0 <= spare < 8:
        return False
    return spare == 0 or (stream.entropy[-1] & ((1 << spare) - 1)) == (1 << spare) - 1
