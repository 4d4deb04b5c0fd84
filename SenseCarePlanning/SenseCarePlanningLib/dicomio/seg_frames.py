"""The frames of a binary DICOM Segmentation, encoded slice by slice: thousands of objects, one a frame, would take seconds.

All frames of a slice say the same of it (PS3.3 C.7.6.16: source image, position), save the number of their segment. So the object
is made with one frame a slice, all of the first segment; what these say is encoded once, and the number put in for each segment.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.charset import convert_encodings
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_sequence_item

from ..volume import bounding_box

LabelArray = NDArray[np.uint8]

_INDEX = b"\x20\x00\x57\x91UL\x08\x00"
"""Tag, VR and length of the Dimension Index Values (0020,9157): segment, then slice."""
_NUMBER = b"\x62\x00\x0b\x00US\x02\x00"
"""Tag, VR and length of the Referenced Segment Number (0062,000B)."""
_FRAMES, _PIXELS = b"\x00\x52\x30\x92SQ\x00\x00", b"\xe0\x7f\x10\x00OB\x00\x00"


def one_frame_a_slice(numbers_kji: LabelArray) -> LabelArray | None:
    """Return an array (K, J, I) with one voxel of segment 1 in each slice that holds any segment: its place is the slice's index.

    None where a slice has too few voxels for that, or nothing is in any.
    """
    count = len(numbers_kji)
    slices = np.flatnonzero(numbers_kji.any(axis=(1, 2)))
    if numbers_kji[0].size < count or not len(slices):
        return None
    found = np.zeros(numbers_kji.shape, dtype=np.uint8)
    found.reshape(count, -1)[slices, slices] = 1
    return found


def all_frames(data: Dataset, numbers_kji: LabelArray, count: int) -> Iterator[bytes]:
    """Take the frames out of an object made with :func:`one_frame_a_slice`, and return all frames as encoded elements.

    Parameters
    ----------
    data
        The object; loses its per-frame groups and pixels, and gets the number of frames.
    numbers_kji
        Segment numbers (K, J, I), 0 where there is none.
    count
        Number of segments.

    Returns
    -------
    iterator of bytes
        Per-frame functional groups (5200,9230) and pixel data (7FE0,0010) in explicit VR little endian: what is written behind
        the rest of the object, which has no later tags.
    """
    items = [_encoded(item, data) for item in data.PerFrameFunctionalGroupsSequence]
    size = numbers_kji[0].size
    slices = _bits_set(data.PixelData)[: len(items)] % size  # the voxel of each frame tells its slice
    present = held(numbers_kji)
    frames = [(segment, at) for segment in range(1, count + 1) for at in range(len(items)) if present[slices[at], segment]]
    del data.PerFrameFunctionalGroupsSequence, data.PixelData
    data.NumberOfFrames = len(frames)
    groups = b"".join(_of_segment(items[at], segment) for segment, at in frames)
    masks = (numbers_kji[slices[at]] == segment for segment, at in frames)
    return _elements(groups, masks, (len(frames) * size + 7) // 8)


def held(labels_kji: LabelArray) -> NDArray[np.bool_]:
    """Return (K, 256) which values lie in which slice; nothing is said of 0."""
    found = np.zeros((len(labels_kji), 256), dtype=bool)
    if labels_kji.any():
        box = bounding_box(labels_kji)
        for k in range(box[0].start, box[0].stop):
            found[k] = np.bincount(labels_kji[k][box[1:]].ravel(), minlength=256) > 0
    return found


def _bits_set(packed: bytes) -> NDArray[np.intp]:
    """Return the places of the bits that are 1, the lowest of a byte first."""
    values = np.frombuffer(packed, dtype=np.uint8)
    at = np.flatnonzero(values)
    row, bit = np.nonzero(np.unpackbits(values[at][:, None], axis=1, bitorder="little"))
    return np.asarray(8 * at[row] + bit)


def _elements(groups: bytes, masks: Iterator[NDArray[np.bool_]], length: int) -> Iterator[bytes]:
    yield _FRAMES + struct.pack("<I", len(groups))
    yield groups
    yield _PIXELS + struct.pack("<I", length + length % 2)
    yield from _packed(masks)
    yield b"\x00" * (length % 2)


def _packed(masks: Iterator[NDArray[np.bool_]]) -> Iterator[bytes]:
    """Return single bits, packed on over the borders of frames (PS3.5 8.1.1)."""
    left = np.zeros(0, dtype=bool)
    for mask in masks:
        bits = np.concatenate([left, mask.ravel()]) if left.size else mask.ravel()
        whole = bits.size // 8 * 8
        yield np.packbits(bits[:whole], bitorder="little").tobytes()
        left = bits[whole:]
    if left.size:
        yield np.packbits(left, bitorder="little").tobytes()


def _encoded(item: Dataset, data: Dataset) -> bytes:
    """Return an item of the per-frame groups as it stands in the file."""
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    character_set: str | Sequence[str] = data.get("SpecificCharacterSet") or "ISO_IR 6"
    write_sequence_item(stream, item, convert_encodings(character_set))
    return bytes(stream.getvalue())


def _of_segment(item: bytes, segment: int) -> bytes:
    """Return an encoded item of segment 1 as one of another segment; where there is but one, its number is shared by all."""
    if segment == 1:
        return item
    for mark, number in ((_INDEX, struct.pack("<I", segment)), (_NUMBER, struct.pack("<H", segment))):
        if item.count(mark) != 1:
            raise ValueError("the number of a frame's segment was not found once")
        at = item.index(mark) + len(mark)
        item = item[:at] + number + item[at + len(number) :]
    return item
