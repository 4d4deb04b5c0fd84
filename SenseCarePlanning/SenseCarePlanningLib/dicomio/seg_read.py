"""The frames of a DICOM Segmentation put back on a grid, by their own positions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from ..errors import InputError
from ..geometry import FloatArray
from ..report.model import Code
from ..volume import Grid

SEG_CLASSES = {"1.2.840.10008.5.1.4.1.1.66.4": "SEG", "1.2.840.10008.5.1.4.1.1.66.7": "LABELMAP"}
_PLACE_TOLERANCE = 0.05


@dataclass(frozen=True, eq=False)
class StoredSegment:
    """One segment as the file holds it; ``array_kji`` is uint8, 0 or 1."""

    number: int
    label: str
    array_kji: NDArray[np.uint8] = field(repr=False)
    category: Code | None = None
    type: Code | None = None
    color_rgb: tuple[int, int, int] | None = None
    algorithm: str = ""
    algorithm_version: str = ""
    algorithm_type: str = ""
    learned: bool = False


@dataclass(frozen=True)
class _Frame:
    index: int
    segment: int | None
    position: tuple[float, ...]


def read_segments(path: Path, grid: Grid | None) -> tuple[list[StoredSegment], Grid]:
    """Read all segments of a file and the grid they are put on.

    Raises
    ------
    InputError
        When the file is no segmentation or lies off ``grid``.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = pydicom.dcmread(path)
        except pydicom.errors.InvalidDicomError:
            raise InputError(f"The file {path.name} is not a DICOM segmentation.") from None
        if str(data.get("SOPClassUID", "")) not in SEG_CLASSES:
            raise InputError(f"The file {path.name} is DICOM, but not a segmentation.")
        frames, axes, spacing = _frames(data)
        grid = grid or _own_grid(data, frames, axes, spacing)
        arrays = _place(data, frames, grid, path.name)
    return [
        _stored_segment(item, arrays[int(item.SegmentNumber)]) for item in data.SegmentSequence if int(item.SegmentNumber)
    ], grid


def _group(data: Dataset, frame: Dataset, sequence: str) -> Dataset:
    """Return a functional group of a frame: its own, else the shared one."""
    for holder in (frame, data.SharedFunctionalGroupsSequence[0]):
        if sequence in holder:
            return holder[sequence][0]
    raise ValueError(f"{sequence} is missing")


def _frames(data: Dataset) -> tuple[list[_Frame], FloatArray, tuple[float, float, float]]:
    """Return the frames, the axes (3, 3) of row, column and normal, and the spacing along i, j, k."""
    frames = []
    first = data.PerFrameFunctionalGroupsSequence[0]
    axes = np.array(_group(data, first, "PlaneOrientationSequence").ImageOrientationPatient, dtype=np.float64).reshape(2, 3)
    measures = _group(data, first, "PixelMeasuresSequence")
    labelled = SEG_CLASSES[str(data.SOPClassUID)] == "LABELMAP"
    for index, frame in enumerate(data.PerFrameFunctionalGroupsSequence):
        position = tuple(float(part) for part in _group(data, frame, "PlanePositionSequence").ImagePositionPatient)
        number = None if labelled else int(_group(data, frame, "SegmentIdentificationSequence").ReferencedSegmentNumber)
        frames.append(_Frame(index, number, position))
    rows_mm, columns_mm = (float(part) for part in measures.PixelSpacing)
    stated = measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 1.0
    return frames, np.vstack([axes, np.cross(axes[0], axes[1])]), (columns_mm, rows_mm, abs(float(stated)))


def _own_grid(data: Dataset, frames: list[_Frame], axes: FloatArray, spacing: tuple[float, float, float]) -> Grid:
    positions = np.array([frame.position for frame in frames])
    along = positions @ axes[2]
    steps = np.diff(np.unique(np.round(along, 3)))
    # Empty slices may be left out between two frames: the smallest step counts, not the commonest.
    step = float(steps.min()) if steps.size else spacing[2]
    affine = np.eye(4)
    affine[:3, :3] = np.stack([axes[0] * spacing[0], axes[1] * spacing[1], axes[2] * step], axis=1)
    affine[:3, 3] = positions[int(np.argmin(along))]
    count = round(float(along.max() - along.min()) / step) + 1
    return Grid((count, int(data.Rows), int(data.Columns)), affine)


def _place(data: Dataset, frames: list[_Frame], grid: Grid, name: str) -> dict[int, NDArray[np.uint8]]:
    arrays = {
        int(item.SegmentNumber): np.zeros(grid.shape_kji, dtype=np.uint8)
        for item in data.SegmentSequence
        if int(item.SegmentNumber)
    }
    rows, columns = int(data.Rows), int(data.Columns)
    for frame in frames:
        place = grid.ijk_from_lps(frame.position)
        i, j, k = (round(float(value)) for value in place)
        inside = (
            i >= 0
            and j >= 0
            and 0 <= k < grid.shape_kji[0]
            and j + rows <= grid.shape_kji[1]
            and i + columns <= grid.shape_kji[2]
        )
        if np.abs(place - np.rint(place)).max() > _PLACE_TOLERANCE or not inside:
            raise InputError(f"The DICOM segmentation {name} does not lie on the voxels of this image.")
        pixels = _pixels(data, frame.index)
        window = (k, slice(j, j + rows), slice(i, i + columns))
        if frame.segment is None:
            for number, array in arrays.items():
                array[window] = pixels == number
        else:
            arrays[frame.segment][window] = pixels
    return arrays


def _pixels(data: Dataset, index: int) -> NDArray[Any]:
    """Return one frame: 0 and 1, or label values of a label map."""
    rows, columns = int(data.Rows), int(data.Columns)
    count = rows * columns
    plain = data.file_meta.TransferSyntaxUID in (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
    if int(data.BitsAllocated) == 1 and plain:
        # Single bits are packed on over the borders of frames (PS3.5 8.1.1).
        first, last = index * count, (index + 1) * count
        packed = np.frombuffer(data.PixelData, dtype=np.uint8, count=(last + 7) // 8 - first // 8, offset=first // 8)
        bits = np.unpackbits(packed, bitorder="little")[first % 8 : first % 8 + count]
        return np.asarray(bits.reshape(rows, columns))
    pixels, _ = get_decoder(data.file_meta.TransferSyntaxUID).as_array(data, index=index, raw=True)
    if str(data.get("SegmentationType", "")) == "FRACTIONAL":
        pixels = pixels * 2 >= int(data.MaximumFractionalValue)
    return np.asarray(pixels)


def _code(item: Dataset, keyword: str) -> Code | None:
    if not item.get(keyword):
        return None
    code = item[keyword][0]
    return Code(str(code.get("CodeValue", "")), str(code.get("CodingSchemeDesignator", "")), str(code.get("CodeMeaning", "")))


def _color(item: Dataset) -> tuple[int, int, int] | None:
    stored = item.get("RecommendedDisplayCIELabValue")
    if stored is None:
        return None
    from skimage.color import lab2rgb

    # PS3.3 C.10.7.1.1: L from 0 to 100 and a, b from -128 to 127, each spread over 16 bits.
    scaled = np.array([float(part) for part in stored]) / 65535.0
    lab = np.array([scaled[0] * 100.0, scaled[1] * 255.0 - 128.0, scaled[2] * 255.0 - 128.0])
    red, green, blue = (round(float(part) * 255.0) for part in lab2rgb(lab[None, None])[0, 0])
    return (red, green, blue)


def _stored_segment(item: Dataset, array: NDArray[np.uint8]) -> StoredSegment:
    identification = item.get("SegmentationAlgorithmIdentificationSequence")
    algorithm = identification[0] if identification else Dataset()
    family = _code(algorithm, "AlgorithmFamilyCodeSequence")
    return StoredSegment(
        number=int(item.SegmentNumber),
        label=str(item.get("SegmentLabel", "")),
        array_kji=array,
        category=_code(item, "SegmentedPropertyCategoryCodeSequence"),
        type=_code(item, "SegmentedPropertyTypeCodeSequence"),
        color_rgb=_color(item),
        algorithm=str(item.get("SegmentAlgorithmName") or algorithm.get("AlgorithmName") or ""),
        algorithm_version=str(algorithm.get("AlgorithmVersion", "")),
        algorithm_type=str(item.get("SegmentAlgorithmType", "")),
        learned=family is not None and family.value == "123110",
    )
