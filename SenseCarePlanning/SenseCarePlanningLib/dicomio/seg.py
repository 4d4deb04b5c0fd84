"""Label maps as DICOM Segmentation objects (binary), on the series they were drawn on, and back."""

from __future__ import annotations

import logging
import uuid
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..errors import InputError
from ..report.model import Code
from ..volume import Grid, LabelMap, bounding_box
from .load import LoadedImage
from .new_object import MANUFACTURER, save_whole, source_headers
from .seg_frames import all_frames, held, one_frame_a_slice
from .seg_read import StoredSegment, read_segments
from .structured_report_items import LONGEST_MEANING

logger = logging.getLogger(__name__)

TISSUE = Code("85756007", "SCT", "Tissue")
LEARNED = Code("123110", "DCM", "Artificial Intelligence")
REGION_GROWING = Code("123101", "DCM", "Neighborhood Analysis")
ANATOMY = Code("123037004", "SCT", "Anatomical Structure")


@dataclass(frozen=True)
class SegmentDescription:
    """What one segment is.

    Parameters
    ----------
    value
        The label's value in its label map; when read, 1.
    label
        The name that viewers show.
    category, type
        Coded concepts, such as SCT 123037004 "Anatomical Structure" and SCT 89187006 "Airway structure".
    color_rgb
        Recommended display colour, 0 to 255 each.
    algorithm
        Name of the algorithm that drew it; empty means drawn by hand.
    algorithm_version
        Its version.
    learned
        Whether the algorithm is a trained network.
    semi_automatic
        Whether a person corrected it.
    """

    value: int
    label: str
    category: Code = ANATOMY
    type: Code = TISSUE
    color_rgb: tuple[int, int, int] = (200, 200, 120)
    algorithm: str = MANUFACTURER
    algorithm_version: str = __version__
    learned: bool = False
    semi_automatic: bool = False


def write_seg(
    segments: Sequence[tuple[SegmentDescription, LabelMap]],
    source: LoadedImage,
    path: Path,
    series_description: str = "Segmentation",
    series_number: int = 300,
) -> str | None:
    """Write segments, which may overlap, as one DICOM SEG of the source's study; the file appears whole or not at all.

    Parameters
    ----------
    segments
        Descriptions, each with the label map that holds its ``value``, on the grid of ``source``. Empty ones are left out.
    source
        The image they were drawn on. Only one from DICOM can have a SEG: a SEG lives in a patient's study and points at
        the images it lies on, and a NIfTI file has neither.

    Returns
    -------
    str or None
        None when written; otherwise the reason why not, as a sentence.

    Raises
    ------
    ValueError
        When a label map is not on the grid of ``source``.
    """
    if not source.is_dicom:
        return "No DICOM segmentation was written: the input is not DICOM, so there is no study that it could belong to."
    for description, label_map in segments:
        if not label_map.grid.same_as(source.volume.grid):
            raise ValueError(f"segment {description.label!r} is not on the grid of the source image")
    present = _present(segments)
    if not present:
        return "No DICOM segmentation was written: there is nothing in it."
    frames: Iterable[bytes] = ()
    try:
        numbers = _numbered(present)
        few = None if numbers is None else one_frame_a_slice(numbers)
        pixels = few if few is not None else _stacked(present) if numbers is None else numbers
        data = _segmentation(present, pixels, source, series_description, series_number)
        if numbers is not None and few is not None:
            frames = all_frames(data, numbers, len(present))
    except ImportError as error:
        return f"No DICOM segmentation was written: the package {error.name} is missing."
    except Exception as error:  # the source's headers may lack what the standard demands of a SEG's source, in many ways
        logger.warning("segmentation object not made: %s", type(error).__name__, exc_info=True)
        return f"No DICOM segmentation was written: the headers of the CT lack what it needs ({type(error).__name__}: {error})."
    save_whole(data, Path(path), frames)
    return None


def _present(segments: Sequence[tuple[SegmentDescription, LabelMap]]) -> list[tuple[SegmentDescription, LabelMap]]:
    """Return the segments that are not empty; a label map that several share is looked at once."""
    values: dict[int, NDArray[np.bool_]] = {}
    for _, label_map in segments:
        if id(label_map.array_kji) not in values:
            values[id(label_map.array_kji)] = np.asarray(held(label_map.array_kji).any(axis=0))
    return [(description, label_map) for description, label_map in segments if values[id(label_map.array_kji)][description.value]]


def _segmentation(
    segments: Sequence[tuple[SegmentDescription, LabelMap]],
    pixels: NDArray[np.uint8],
    source: LoadedImage,
    series_description: str,
    series_number: int,
) -> Any:
    import highdicom as hd

    now = datetime.now()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = hd.seg.Segmentation(
            source_images=source_headers(source.files),
            pixel_array=pixels,
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[_described(description, number) for number, (description, _) in enumerate(segments, start=1)],
            series_instance_uid=f"2.25.{uuid.uuid4().int}",
            series_number=series_number,
            sop_instance_uid=f"2.25.{uuid.uuid4().int}",
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name="SenseCare Planning",
            software_versions=__version__,
            device_serial_number="none",
            content_label="SEGMENTATION",
            content_description=series_description[:64],
            series_description=series_description[:64],
            omit_empty_frames=True,
        )
    data.ContentDate, data.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    return data


def _stacked(segments: Sequence[tuple[SegmentDescription, LabelMap]]) -> NDArray[np.uint8]:
    """Return (slices, rows, columns, segments) of 0 and 1, for segments that overlap: a byte a voxel and segment."""
    stacked = np.empty((*segments[0][1].array_kji.shape, len(segments)), dtype=np.uint8)
    for number, (description, label_map) in enumerate(segments):
        stacked[..., number] = label_map.array_kji == description.value
    return stacked


def _numbered(segments: Sequence[tuple[SegmentDescription, LabelMap]]) -> NDArray[np.uint8] | None:
    """Return (slices, rows, columns) of segment numbers; None where segments overlap."""
    if len(segments) > 255:
        return None
    maps: dict[int, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}
    for number, (description, label_map) in enumerate(segments, start=1):
        array, becomes = maps.setdefault(id(label_map.array_kji), (label_map.array_kji, np.zeros(256, dtype=np.uint8)))
        if becomes[description.value]:
            return None
        becomes[description.value] = number
    numbers = np.zeros(segments[0][1].array_kji.shape, dtype=np.uint8)
    for array, becomes in maps.values():
        box = bounding_box(array)
        for taken, labels in zip(numbers[box], array[box], strict=True):
            own = np.frombuffer(labels.tobytes().translate(becomes.tobytes()), dtype=np.uint8).reshape(labels.shape)
            if (own[taken > 0] > 0).any():
                return None
            np.maximum(taken, own, out=taken)
    return numbers


def _described(description: SegmentDescription, number: int) -> Any:
    import highdicom as hd
    from pydicom.sr.coding import Code as DicomCode

    def coded(code: Code) -> Any:
        """Return a code as highdicom has it."""
        # longer meanings than DICOM holds are cut: they are for display only
        return DicomCode(code.value, code.scheme, code.meaning[:LONGEST_MEANING])

    algorithm, kind = None, hd.seg.SegmentAlgorithmTypeValues.MANUAL
    if description.algorithm:
        algorithm = hd.AlgorithmIdentificationSequence(
            name=description.algorithm[:64],
            family=coded(LEARNED if description.learned else REGION_GROWING),
            version=description.algorithm_version or "unknown",
        )
        kind = hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC
        if description.semi_automatic:
            kind = hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=description.label[:64],
        segmented_property_category=coded(description.category),
        segmented_property_type=coded(description.type),
        algorithm_type=kind,
        algorithm_identification=algorithm,
        tracking_uid=f"2.25.{uuid.uuid4().int}",
        tracking_id=description.label[:64],
        display_color=hd.color.CIELabColor.from_rgb(*description.color_rgb),
    )


def read_seg(path: Path, grid: Grid | None = None) -> list[tuple[SegmentDescription, LabelMap]]:
    """Read the segments of a DICOM SEG (binary, label map, or fractional at half its maximum), each as its own label map.

    Parameters
    ----------
    grid
        The grid to put them on, such as that of the CT; when None, the smallest that holds all stored frames.

    Raises
    ------
    InputError
        When the file is no SEG, is damaged, or does not lie on ``grid``.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"The segmentation {path.name} does not exist.")
    try:
        stored, found_grid = read_segments(path, grid)
    except InputError:
        raise
    except Exception as error:  # a damaged object can fail anywhere in its nested sequences
        raise InputError(f"The DICOM segmentation {path.name} is damaged.", detail=f"{type(error).__name__}: {error}") from error
    return [
        (_description_of(segment), LabelMap(segment.array_kji, found_grid.affine_ijk_to_lps, {1: segment.label}))
        for segment in stored
    ]


def _description_of(segment: StoredSegment) -> SegmentDescription:
    return SegmentDescription(
        value=1,
        label=segment.label,
        category=segment.category or TISSUE,
        type=segment.type or TISSUE,
        color_rgb=segment.color_rgb or (200, 200, 120),
        algorithm=segment.algorithm,
        algorithm_version=segment.algorithm_version,
        learned=segment.learned,
        semi_automatic=segment.algorithm_type == "SEMIAUTOMATIC",
    )
