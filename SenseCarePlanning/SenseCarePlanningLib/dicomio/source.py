"""Whose CT an image file is: the DICOM files that another program, such as Slicer, made it from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..volume import Grid
from .discover import describe_series
from .load import LoadedImage
from .read_study import read_acquisition, read_study
from .scan import scan
from .stack import build_stack

CORNER_TOLERANCE_MM = 0.05
"""Headers and programs that round positions move the corners of a grid by less."""
NOT_READ = "The DICOM files of the CT could not be read, so the report names no patient."
NOT_ONE = "The DICOM files of the CT are of several series, so the report names no patient."


def read_file_list(path: Path) -> tuple[Path, ...]:
    """Read a list of files: a JSON list of paths.

    Raises
    ------
    InputError
        When it is none.
    """
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The list of DICOM files {path.name} cannot be read.", detail=str(error)) from error
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise InputError(f"The list of DICOM files {path.name} is no JSON list of paths.")
    return tuple(Path(one) for one in listed)


def with_source(loaded: LoadedImage, files: Iterable[Path]) -> LoadedImage:
    """Give an image that came as a file the study, and the acquisition, of the DICOM series it was made from.

    A wrong name on a plan harms, so several series give none. The image counts as DICOM, which a segmentation can refer to,
    only where it still lies on the series' own grid: not when it was cropped, resampled or moved.
    """
    found = scan(files)
    headers = [header for header in found.images if "LOCALIZER" not in header.image_type]
    if not headers or found.damaged:
        return replace(loaded, warnings=(*loaded.warnings, NOT_READ))
    if len({(header.series_uid, header.study_uid, header.identity) for header in headers}) > 1:
        return replace(loaded, warnings=(*loaded.warnings, NOT_ONE))
    middle = headers[len(headers) // 2].path
    volume = replace(loaded.volume, acquisition=read_acquisition(middle))
    named = replace(loaded, volume=volume, study=read_study(headers[0].path))
    stack, _problems, _warnings = build_stack(headers)
    shape = (0, 0, 0) if stack is None else (len(stack.headers), headers[0].rows or 0, headers[0].columns or 0)
    if stack is None or not _lies_on(named, Grid(shape, stack.affine_ijk_to_lps)):
        return named
    ordered = tuple(dict.fromkeys(header.path for header in stack.headers))
    return replace(named, series=replace(describe_series(stack.headers), files=ordered), files=ordered)


def _lies_on(loaded: LoadedImage, grid: Grid) -> bool:
    """Tell whether the image's voxels are those of a grid: same size, and no corner further off than the tolerance."""
    own = loaded.volume.grid
    if own.shape_kji != grid.shape_kji:
        return False
    corners = np.array(list(product(*((0, size - 1) for size in grid.shape_kji))), dtype=np.float64)
    apart = np.linalg.norm(own.lps_from_kji(corners) - grid.lps_from_kji(corners), axis=1)
    return bool(apart.max() <= CORNER_TOLERANCE_MM)
