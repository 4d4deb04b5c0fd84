"""Do the slices of one series agree with each other? Every slice that does not is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence, Sized

import numpy as np

from .headers import LARGEST_SIDE, ImageHeader
from .scan import UNCOMPRESSED

_NAMES_SHOWN = 8

# Image orientation is written with six decimals or so; two axes must be at right angles within this.
ORIENTATION_TOLERANCE = 1e-3


def listed(names: Iterable[str]) -> str:
    """Join names for a message, the first few of many."""
    found = list(names)
    text = ", ".join(found[:_NAMES_SHOWN])
    return text if len(found) <= _NAMES_SHOWN else f"{text} and {len(found) - _NAMES_SHOWN} more"


def counted(items: Sized, one: str, more: str) -> str:
    """Return the number of items with the words that go with one, or with more."""
    return f"{len(items)} {one if len(items) == 1 else more}"


def _files(headers: Iterable[ImageHeader]) -> str:
    return listed(header.name for header in headers)


def unreadable(headers: Sequence[ImageHeader]) -> list[str]:
    """Name what is unreadable, absent or impossible in single slices."""
    problems: list[str] = []
    told: dict[str, list[ImageHeader]] = {}
    for header in headers:
        for problem in header.problems:
            told.setdefault(problem, []).append(header)
        for problem in _single_problems(header):
            told.setdefault(problem, []).append(header)
    for problem, found in told.items():
        problems.append(f"{problem}: {_files(found)}" if len(found) < len(headers) else f"{problem} (in every slice)")
    return problems


def _single_problems(header: ImageHeader) -> list[str]:
    problems = _missing(header)
    if header.pixels.problem:
        problems.append(f"the file {header.pixels.problem}" if header.pixels.problem.startswith("is ") else header.pixels.problem)
    if header.samples != 1 or not header.photometric.startswith("MONOCHROME"):
        problems.append(f"a colour image ({header.photometric}), not CT values")
    problems += _format_problems(header)
    if header.pixel_spacing and min(header.pixel_spacing) <= 0:
        problems.append("the pixel spacing is zero or negative")
    if header.orientation and not _is_orthonormal(header.orientation):
        problems.append("the image orientation is damaged (its axes are not of length 1 at right angles)")
    return problems


def _missing(header: ImageHeader) -> list[str]:
    wanted = {
        "ImagePositionPatient": header.position,
        "ImageOrientationPatient": header.orientation,
        "PixelSpacing": header.pixel_spacing,
        "Rows": header.rows,
        "Columns": header.columns,
        "BitsAllocated": header.bits_allocated,
        "BitsStored": header.bits_stored,
        "PixelRepresentation": header.signed,
        "Modality": header.modality,
        "SeriesInstanceUID": header.series_uid or None,
    }
    already = " ".join(header.problems)
    return [f"{keyword} is missing" for keyword, value in wanted.items() if value is None and keyword not in already]


def _format_problems(header: ImageHeader) -> list[str]:
    rows, columns, allocated, stored = header.rows, header.columns, header.bits_allocated, header.bits_stored
    if rows is None or columns is None or allocated is None or stored is None:
        return []
    if not (1 <= rows <= LARGEST_SIDE and 1 <= columns <= LARGEST_SIDE):
        return [f"an impossible image size of {columns} x {rows} pixels"]
    if allocated != 16:
        return [f"{allocated} bits for a pixel, but CT values take 16"]
    if not 2 <= stored <= 16 or (header.high_bit is not None and header.high_bit != stored - 1):
        return [f"an impossible pixel format (bits stored {stored}, high bit {header.high_bit})"]
    if header.pixels.transfer_syntax in UNCOMPRESSED and not header.pixels.problem:
        wanted = rows * columns * 2
        if not wanted <= header.pixels.length <= wanted + 1:
            return [f"{header.pixels.length} bytes of pixel data, but {columns} x {rows} pixels take {wanted}"]
    return []


def _is_orthonormal(orientation: tuple[float, ...]) -> bool:
    axes = np.array(orientation).reshape(2, 3)
    return bool(np.abs(axes @ axes.T - np.eye(2)).max() <= ORIENTATION_TOLERANCE)


def majority(values: Iterable[Hashable]) -> Hashable:
    """Return the most frequent value."""
    return Counter(values).most_common(1)[0][0]


def _disagreement(
    headers: Sequence[ImageHeader], what: str, key: Callable[[ImageHeader], Hashable], show: bool = True
) -> list[str]:
    """Name the slices whose value differs from that of most; values of identity are never shown."""
    values = [key(header) for header in headers]
    usual = majority(values)
    odd = [header for header, value in zip(headers, values, strict=True) if value != usual]
    if not odd:
        return []
    shown = ""
    if show:
        others = {str(key(header)) for header in odd}
        shown = f" ({listed(sorted(others))} instead of {usual})"
    return [f"{what} differs in {len(odd)} of {len(headers)} slices{shown}: {_files(odd)}"]


def _rounded(values: tuple[float, ...] | None, digits: int) -> tuple[float, ...] | None:
    return None if values is None else tuple(round(value, digits) + 0.0 for value in values)


def disagreements(headers: Sequence[ImageHeader]) -> list[str]:
    """Name every attribute in which slices of one series contradict each other, and the slices that do."""
    problems = _disagreement(headers, "the modality", lambda header: header.modality)
    problems += _disagreement(headers, "the kind of DICOM object", lambda header: header.sop_class)
    problems += _disagreement(headers, "the patient", lambda header: header.identity, show=False)
    problems += _disagreement(headers, "the study", lambda header: header.study_uid, show=False)
    problems += _disagreement(headers, "the frame of reference", lambda header: header.frame_of_reference_uid, show=False)
    problems += _disagreement(headers, "the image size", lambda header: (header.columns, header.rows))
    problems += _disagreement(headers, "the pixel spacing", lambda header: _rounded(header.pixel_spacing, 4))
    problems += _disagreement(headers, "the orientation", lambda header: _rounded(header.orientation, 3))
    problems += _disagreement(headers, "the photometric interpretation", lambda header: header.photometric)
    problems += _disagreement(
        headers, "the pixel format (bits stored, signed)", lambda header: (header.bits_stored, header.signed)
    )
    problems += _repeated_uids(headers)
    return problems


def _repeated_uids(headers: Sequence[ImageHeader]) -> list[str]:
    seen: dict[tuple[str, int], list[ImageHeader]] = {}
    for header in headers:
        if header.sop_uid:
            seen.setdefault((header.sop_uid, header.frame), []).append(header)
    twice = [found for found in seen.values() if len(found) > 1]
    return [f"the same SOP Instance UID in files with different content: {_files(found)}" for found in twice[:_NAMES_SHOWN]]


def rescale_problems(headers: Sequence[ImageHeader]) -> tuple[list[str], list[str]]:
    """Judge slope and intercept over the series; returns problems and warnings."""
    problems: list[str] = []
    warnings: list[str] = []
    lacking = [header for header in headers if header.slope is None or header.intercept is None]
    if 0 < len(lacking) < len(headers):
        problems.append(f"the rescale to Hounsfield units is missing in {len(lacking)} slices: {_files(lacking)}")
        return problems, warnings
    if len(lacking) == len(headers):
        warnings.append("the headers state no rescale to Hounsfield units; the stored values are taken as Hounsfield units")
        return problems, warnings
    zero = [header for header in headers if not header.slope]
    if zero:
        problems.append(f"the rescale slope is zero: {_files(zero)}")
    pairs = Counter((header.slope, header.intercept) for header in headers)
    usual, count = pairs.most_common(1)[0]
    odd = [header for header in headers if (header.slope, header.intercept) != usual]
    if odd and count >= 0.9 * len(headers):
        problems.append(f"the rescale to Hounsfield units differs in {len(odd)} of {len(headers)} slices: {_files(odd)}")
    elif odd:
        warnings.append(
            f"the rescale to Hounsfield units varies over the series ({len(pairs)} kinds) and was applied slice by slice"
        )
    units = {header.rescale_type for header in headers if header.rescale_type}
    if units - {"HU", "HU_MOD"}:
        warnings.append(f"the headers give the values in {listed(sorted(units))}, not Hounsfield units")
    return problems, warnings
