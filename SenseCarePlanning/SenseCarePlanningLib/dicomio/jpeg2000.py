"""Does a decoded image account for its reversible JPEG 2000 stream? Damage that a decoder passes over shows here.

A JPEG 2000 stream (ITU-T T.800) carries no checksum, and the arithmetic decoder of annex C makes something of any bytes. But
the coder is reversible: the decoded samples, coded again in blocks of the same size, must give the bytes of each block again,
and as many. Behind a damaged byte the decoder goes on with decisions that use up the bytes at another rate, so that the two
codes end at different places. Encoders may end a block's code each in its own way, by a few bytes; no more is allowed for.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SOC, _SIZ, _COD, _SOT, _SOD, _EOC = 0xFF4F, 0xFF51, 0xFF52, 0xFF90, 0xFF93, 0xFFD9
# Markers that change the order or the coding of packets in ways that are not followed here: COC, POC, PPM, PPT, RGN.
_UNFOLLOWED = {0xFF53, 0xFF5F, 0xFF60, 0xFF61, 0xFF5E}

# How many bytes two encoders may end the code of one block apart: the flush of the arithmetic coder (T.800 C.2.9) leaves
# open how many of the last bytes are written.
_END_BYTES = 4


@dataclass(frozen=True)
class Coding:
    """What of a stream's main header decides how its packets are read; one component, one tile, one precinct."""

    columns: int
    rows: int
    precision: int
    signed: bool
    levels: int
    layers: int
    resolution_first: bool
    block: tuple[int, int]
    start_markers: bool
    end_markers: bool


@dataclass
class Block:
    """The code of one block of one subband, gathered from all layers."""

    zero_planes: int = 0
    passes: int = 0
    length_bits: int = 3
    code: bytearray = field(default_factory=bytearray)


class _Bits:
    """Bits of a packet header: after a byte of ones comes a byte of seven bits (T.800 B.10.1)."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position
        self._left = 0
        self._byte = 0

    def bit(self) -> int:
        if self._left == 0:
            self._left = 7 if self._byte == 0xFF else 8
            self._byte = self.data[self.position]
            self.position += 1
        self._left -= 1
        return (self._byte >> self._left) & 1

    def number(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self.bit()
        return value

    def close(self) -> int:
        """Return where the bytes go on."""
        if self._byte == 0xFF:
            self.position += 1
        return self.position


class _TagTree:
    """A tag tree (T.800 B.10.2): each node holds the least value of the up to four below it."""

    def __init__(self, rows: int, columns: int) -> None:
        self._levels: list[tuple[NDArray[np.int32], NDArray[np.bool_]]] = []
        while True:
            self._levels.append((np.zeros((rows, columns), np.int32), np.zeros((rows, columns), np.bool_)))
            if rows <= 1 and columns <= 1:
                break
            rows, columns = (rows + 1) // 2, (columns + 1) // 2

    def reaches(self, bits: _Bits, row: int, column: int, threshold: int) -> int | None:
        """Return a leaf's value when it is below a threshold, else None; reads as many bits as that takes."""
        low = 0
        for level in range(len(self._levels) - 1, -1, -1):
            values, known = self._levels[level]
            place = (row >> level, column >> level)
            values[place] = max(int(values[place]), low)
            while not known[place] and values[place] < threshold:
                if bits.bit():
                    known[place] = True
                else:
                    values[place] += 1
            low = int(values[place])
        values, known = self._levels[0]
        return low if known[row, column] and low < threshold else None

    def value(self, bits: _Bits, row: int, column: int) -> int:
        """Return a leaf's value."""
        threshold = 1
        while (found := self.reaches(bits, row, column, threshold)) is None:
            threshold += 1
            if threshold > 64:
                raise ValueError("a block with more than 64 empty bit planes")
        return found


@dataclass
class _Band:
    """The blocks of one subband."""

    rows: int
    columns: int
    blocks: list[Block]
    inclusion: _TagTree
    planes: _TagTree


def _pass_count(bits: _Bits) -> int:
    """Read the number of coding passes (T.800 table B.4)."""
    if not bits.bit():
        return 1
    if not bits.bit():
        return 2
    if (value := bits.number(2)) < 3:
        return 3 + value
    if (value := bits.number(5)) < 31:
        return 6 + value
    return 37 + bits.number(7)


def _parse_main_header(stream: bytes) -> tuple[Coding, bytes] | None:
    """Return the coding and the packets; None when the stream is not of the plain kind that is followed here."""
    if len(stream) < 4 or struct.unpack_from(">H", stream)[0] != _SOC:
        raise ValueError("no JPEG 2000 stream")
    position, size, style = 2, b"", b""
    packets = bytearray()
    while position + 2 <= len(stream):
        marker = struct.unpack_from(">H", stream, position)[0]
        if marker == _EOC:
            break
        length = struct.unpack_from(">H", stream, position + 2)[0]
        body = stream[position + 4 : position + 2 + length]
        if marker in _UNFOLLOWED:
            return None
        if marker == _SOT:
            tile, part_length = struct.unpack_from(">HI", body)
            end = position + part_length if part_length else len(stream) - 2
            start = _start_of_data(stream, position + 2 + length)
            if tile or start is None:
                return None
            packets += stream[start:end]
            position = end
            continue
        size = body if marker == _SIZ else size
        style = body if marker == _COD else style
        position += 2 + length
    coding = _coding(size, style)
    return None if coding is None else (coding, bytes(packets))


def _start_of_data(stream: bytes, position: int) -> int | None:
    """Skip a tile part's own header; None when it changes the coding."""
    while True:
        marker = struct.unpack_from(">H", stream, position)[0]
        if marker == _SOD:
            return position + 2
        if marker in _UNFOLLOWED or marker == _COD:
            return None
        position += 2 + struct.unpack_from(">H", stream, position + 2)[0]


def _coding(size: bytes, style: bytes) -> Coding | None:
    _, width, height, x0, y0, tile_w, tile_h, tile_x0, tile_y0, components = struct.unpack_from(">H8IH", size)
    coded, progression, layers, _ = struct.unpack_from(">BBHB", style)
    levels, block_w, block_h, block_style, transform = style[5:10]
    whole = (x0, y0, tile_x0, tile_y0) == (0, 0, 0, 0) and tile_w >= width and tile_h >= height
    largest_blocks = block_w + 2 <= 10 and block_h + 2 <= 10
    if components != 1 or not whole or coded & 1 or block_style or transform != 1 or not largest_blocks:
        return None
    depth = size[36]
    return Coding(
        columns=width,
        rows=height,
        precision=(depth & 127) + 1,
        signed=bool(depth & 128),
        levels=levels,
        layers=layers,
        # With one precinct and one component all orders but the first put resolutions outermost.
        resolution_first=progression != 0,
        block=(1 << block_w + 2, 1 << block_h + 2),
        start_markers=bool(coded & 2),
        end_markers=bool(coded & 4),
    )


def _bands(coding: Coding, resolution: int) -> list[_Band]:
    """Return the empty subbands of a resolution level: LL of the lowest, else HL, LH, HH."""
    level = coding.levels - max(resolution - 1, 0)
    shapes = []
    for high_x, high_y in ((0, 0),) if resolution == 0 else ((1, 0), (0, 1), (1, 1)):
        width = _ceil_shift(coding.columns - (high_x << level >> 1), level)
        height = _ceil_shift(coding.rows - (high_y << level >> 1), level)
        shapes.append((max(height, 0), max(width, 0)))
    bands = []
    for height, width in shapes:
        rows, columns = -(-height // coding.block[1]), -(-width // coding.block[0])
        if not rows * columns:
            rows = columns = 0
        tree = (max(rows, 1), max(columns, 1))
        bands.append(_Band(rows, columns, [Block() for _ in range(rows * columns)], _TagTree(*tree), _TagTree(*tree)))
    return bands


def _ceil_shift(value: int, shift: int) -> int:
    return -(-value >> shift) if value > 0 else 0


def parse_blocks(stream: bytes) -> tuple[Coding, list[Block]] | None:
    """Take a stream apart into the codes of its blocks; None when it is not of the plain kind that is followed here.

    Raises
    ------
    ValueError, IndexError, struct.error
        When the stream contradicts itself.
    """
    parsed = _parse_main_header(stream)
    if parsed is None:
        return None
    coding, packets = parsed
    resolutions = [_bands(coding, resolution) for resolution in range(coding.levels + 1)]
    position = 0
    for layer, resolution in _packet_order(coding):
        position = _read_packet(packets, position, coding, resolutions[resolution], layer)
    if position != len(packets):
        raise ValueError(f"{len(packets) - position} bytes behind the last packet")
    return coding, [block for bands in resolutions for band in bands for block in band.blocks]


def _packet_order(coding: Coding) -> Iterator[tuple[int, int]]:
    if coding.resolution_first:
        return ((layer, resolution) for resolution in range(coding.levels + 1) for layer in range(coding.layers))
    return ((layer, resolution) for layer in range(coding.layers) for resolution in range(coding.levels + 1))


def _read_packet(packets: bytes, position: int, coding: Coding, bands: list[_Band], layer: int) -> int:
    """Read one packet's header and hand its bytes to the blocks; returns where the next begins."""
    if not any(band.blocks for band in bands):
        return position
    if coding.start_markers and packets[position : position + 2] == b"\xff\x91":
        position += 6
    bits = _Bits(packets, position)
    lengths: list[tuple[Block, int]] = []
    if bits.bit():
        for band in bands:
            for number, block in enumerate(band.blocks):
                length = _read_block_header(bits, band, number, layer)
                if length is not None:
                    lengths.append((block, length))
    position = bits.close()
    if coding.end_markers and packets[position : position + 2] == b"\xff\x92":
        position += 2
    for block, length in lengths:
        if position + length > len(packets):
            raise ValueError("the code of a block ends behind the end of the stream")
        block.code += packets[position : position + length]
        position += length
    return position


def _read_block_header(bits: _Bits, band: _Band, number: int, layer: int) -> int | None:
    """Read what a packet says of one block; returns the bytes it adds, None when it adds nothing."""
    block, (row, column) = band.blocks[number], divmod(number, band.columns)
    if block.passes:
        if not bits.bit():
            return None
    else:
        if band.inclusion.reaches(bits, row, column, layer + 1) is None:
            return None
        block.zero_planes = band.planes.value(bits, row, column)
    passes = _pass_count(bits)
    while bits.bit():
        block.length_bits += 1
    block.passes += passes
    return bits.number(block.length_bits + passes.bit_length() - 1)


def encode_again(samples: NDArray[np.int32], coding: Coding) -> bytes:
    """Code signed samples (rows, columns) without loss in blocks of the same size, and return the stream."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(samples.astype(np.int16)).view(np.uint16))
    target = io.BytesIO()
    image.save(
        target,
        "JPEG2000",
        no_jp2=True,
        irreversible=False,
        signed=True,
        num_resolutions=coding.levels + 1,
        codeblock_size=coding.block,
        progression="RLCP",
    )
    return target.getvalue()


def accounts_for_stream(stream: bytes, stored: NDArray[Any]) -> bool | None:
    """Tell whether decoded samples (rows, columns), 16-bit, give the stream's bytes again; None when that cannot be told.

    It cannot be told of a stream that was compressed with loss, has tiles, precincts or special code-block styles, or where
    the encoder is not installed.
    """
    try:
        parsed = parse_blocks(stream)
    except (ValueError, IndexError, struct.error):
        return False
    if parsed is None:
        return None
    coding, blocks = parsed
    try:
        again = parse_blocks(encode_again(centred(stored, coding), coding))
    except (ImportError, OSError, ValueError):
        return None
    if again is None or len(again[1]) != len(blocks):
        return None
    return all(same_code(bytes(one.code), bytes(other.code)) for one, other in zip(blocks, again[1], strict=True))


def centred(stored: NDArray[Any], coding: Coding) -> NDArray[np.int32]:
    """Return decoded 16-bit words as the signed numbers that are coded: unsigned ones less half their range (annex G)."""
    values = stored.view(np.uint16).astype(np.int32) & ((1 << coding.precision) - 1)
    half = 1 << (coding.precision - 1)
    return np.asarray((values ^ half) - half if coding.signed else values - half)


def same_code(first: bytes, second: bytes) -> bool:
    """Tell whether the codes of one block are equal but for their last few bytes."""
    shorter = min(len(first), len(second))
    if max(len(first), len(second)) - shorter > _END_BYTES:
        return False
    safe = max(shorter - _END_BYTES, 0)
    return first[:safe] == second[:safe]
