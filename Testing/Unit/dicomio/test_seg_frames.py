"""Frames encoded slice by slice hold, element by element and bit by bit, what an independent library writes frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from SenseCarePlanningLib.dicomio import seg
from SenseCarePlanningLib.dicomio.load import LoadedImage, load_image
from SenseCarePlanningLib.dicomio.new_object import save_whole
from SenseCarePlanningLib.dicomio.seg import SegmentDescription, read_seg, write_seg
from SenseCarePlanningLib.dicomio.seg_frames import held, one_frame_a_slice
from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.dicomio.write_ct import write_ct_series
from SenseCarePlanningLib.volume import LabelMap, Volume

NEW_EACH_TIME = {"SOPInstanceUID", "SeriesInstanceUID", "TrackingUID", "DimensionOrganizationUID", "InstanceCreationTime"}
NEW_EACH_TIME |= {"InstanceCreationDate", "ContentDate", "ContentTime", "ContributionDateTime"}


def _series(shape: tuple[int, int, int], folder: Path) -> LoadedImage:
    array = np.random.default_rng(4).integers(-1000, 400, shape).astype(np.int16)
    affine = np.diag([0.7, 0.7, 1.5, 1.0])
    write_ct_series(Volume(array, affine), folder, StudyInfo(patient_id="P1"), kvp=120, kernel="LUNG")
    return load_image(folder, require_chest=False)


def _elements(data: Dataset, place: str = "") -> Iterator[tuple[str, Any]]:
    for element in data:
        if element.VR == "SQ":
            for number, item in enumerate(element.value):
                yield from _elements(item, f"{place}{element.keyword}[{number}].")
        elif element.keyword not in NEW_EACH_TIME:
            yield place + element.keyword, (element.VR, element.value)


@pytest.mark.parametrize("shape", [(12, 20, 24), (9, 7, 5), (30, 3, 3)])
@pytest.mark.parametrize("values", [(1,), (1, 2, 7)])
def test_the_object_is_what_a_library_writes(shape: tuple[int, int, int], values: tuple[int, ...], tmp_path: Path) -> None:
    source = _series(shape, tmp_path / "ct")
    labels = np.random.default_rng(8).choice([0, *values], shape).astype(np.uint8)
    labels[3] = 0  # a slice without any, and two with some segments only
    labels[5][labels[5] == values[-1]] = 0
    labels[-1, 1:] = 0
    mask = LabelMap(labels, source.volume.affine_ijk_to_lps)
    segments = [(SegmentDescription(value, f"part {value}"), mask) for value in values]
    assert write_seg(segments, source, tmp_path / "seg.dcm") is None
    numbers = seg._numbered(segments)
    assert numbers is not None
    save_whole(seg._segmentation(segments, numbers, source, "Segmentation", 300), tmp_path / "library.dcm")
    ours, theirs = (dict(_elements(pydicom.dcmread(tmp_path / name))) for name in ("seg.dcm", "library.dcm"))
    bits, padded = ours["PixelData"][1], theirs["PixelData"][1]
    used = -(-int(ours["NumberOfFrames"][1]) * shape[1] * shape[2] // 8)  # behind it the library pads with "0", not with 0
    assert (len(bits), bits[:used]) == (len(padded), padded[:used])
    del ours["PixelData"], theirs["PixelData"]
    assert ours == theirs
    for (_, found), value in zip(read_seg(tmp_path / "seg.dcm", source.volume.grid), values, strict=True):
        np.testing.assert_array_equal(found.array_kji, labels == value)


def test_segments_of_two_maps_may_overlap(tmp_path: Path) -> None:
    source = _series((12, 20, 24), tmp_path / "ct")
    first, second = np.zeros((2, 12, 20, 24), dtype=np.uint8)
    first[2:6, 3:9, 3:9], second[4:8, 5:12, 5:12] = 1, 1
    affine = source.volume.affine_ijk_to_lps
    segments = [(SegmentDescription(1, name), LabelMap(array, affine)) for name, array in (("a", first), ("b", second))]
    assert seg._numbered(segments) is None
    assert write_seg(segments, source, tmp_path / "seg.dcm") is None
    found = read_seg(tmp_path / "seg.dcm", source.volume.grid)
    np.testing.assert_array_equal(found[0][1].array_kji, first)
    np.testing.assert_array_equal(found[1][1].array_kji, second)


def test_a_slice_too_small_to_tell_its_index_has_no_short_way() -> None:
    assert one_frame_a_slice(np.ones((10, 3, 3), dtype=np.uint8)) is None
    assert one_frame_a_slice(np.zeros((4, 3, 3), dtype=np.uint8)) is None


def test_values_are_found_by_slice() -> None:
    labels = np.zeros((4, 3, 3), dtype=np.uint8)
    labels[1, 0, 0], labels[2, 2, 2] = 5, 255
    assert np.argwhere(held(labels)[:, 1:]).tolist() == [[1, 4], [2, 254]]
    assert not held(np.zeros((2, 2, 2), dtype=np.uint8)).any()
