"""List the image series under a path and choose the chest CT to plan on, by a stated rule.

The rule, in order:

1. Eligible are CT series of axial slices with positions, at most 3 mm apart, covering at least 150 mm; not scouts,
   projections (MIP, MinIP, averages), reformats, dose screens or secondary captures.
2. Original images go before derived ones.
3. Slices of 1.5 mm or less go before thicker ones.
4. Of these, series that cover nearly as much of the chest as the longest (90 %) go before shorter ones.
5. A smooth to medium kernel goes before a sharp one: noise of a sharp kernel makes airway walls leak (Kim 2008, Korean J.
   Radiol. 9(3), measured airways most truly with a standard kernel and 0.75 mm slices).
6. The thinnest slices, then the most slices, then the lowest series number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import InputError
from ..geometry import FloatArray
from .agreement import counted, listed
from .headers import ImageHeader
from .scan import ScanResult, files_under, scan
from .stack import MINIMUM_EXTENT_MM, REFUSE_SLICE_MM, WARN_SLICE_MM, slice_axes
from .study import SeriesInfo

Body = Literal["chest", "heart"]
AIMS: dict[Body, str] = {"chest": "planned on", "heart": "graded"}
NAMED: dict[Body, str] = {"chest": "chest", "heart": "cardiac"}
"""What a CT of each part of the body is for, and what it is called."""

CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.2.2",
}
_PROJECTIONS = {
    "MIP",
    "MINIP",
    "MIN_IP",
    "MAX_IP",
    "MPR",
    "AVERAGE",
    "PROJECTION IMAGE",
    "REFORMATTED",
    "CURVED MPR",
    "VOLUME RENDERED",
}
_PROJECTION_WORDS = re.compile(r"\b(mip|minip|mpr|vrt|3d|dose|scout|topo|topogram|localizer|surview|scanogram)\b", re.IGNORECASE)
_AXIAL_COSINE = 0.8
_FEWEST_SLICES = 10
_SIEMENS_KERNEL = re.compile(r"^[A-Z][a-z]?(\d{2,3})")
_SHARP_WORDS = ("LUNG", "BONE", "EDGE", "SHARP", "FC5", "FC8", "YA", "YB", "YC", "YD")


@dataclass(frozen=True)
class Series:
    """One series: what is told about it, and its image headers."""

    info: SeriesInfo
    headers: tuple[ImageHeader, ...]


def group_series(found: ScanResult, least_extent_mm: float = MINIMUM_EXTENT_MM) -> tuple[Series, ...]:
    """Group image headers by series, in the order of series numbers; those that cover less than the extent are not eligible."""
    groups: dict[str, list[ImageHeader]] = {}
    for header in found.images:
        groups.setdefault(header.series_uid or f"without UID in {header.path.parent.name}", []).append(header)
    patients = {identity: number for number, identity in enumerate(dict.fromkeys(h.identity for h in found.images), 1)}
    series = [
        Series(replace(describe_series(headers, least_extent_mm), patient_number=patients[headers[0].identity]), tuple(headers))
        for headers in groups.values()
    ]
    return tuple(sorted(series, key=lambda one: (one.info.number is None, one.info.number or 0, one.info.uid)))


def list_series(path: Path) -> tuple[SeriesInfo, ...]:
    """List the image series under a folder, or in a file.

    Raises
    ------
    InputError
        When the path does not exist or holds no DICOM image.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path.name} does not exist.")
    found = scan(files_under(path))
    series = group_series(found)
    if not series:
        raise no_images_error(path, found)
    return tuple(one.info for one in series)


def no_images_error(path: Path, found: ScanResult) -> InputError:
    """Return the error for a path without a single DICOM image, with what it holds instead."""
    problems = [f"{name} {problem}" for name, problem in found.damaged.items()]
    if found.not_dicom:
        problems.append(f"{counted(found.not_dicom, 'file is', 'files are')} not DICOM: {listed(found.not_dicom)}")
    if found.other_dicom:
        holds = counted(found.other_dicom, "DICOM file holds", "DICOM files hold")
        problems.append(f"{holds} no image: {listed(found.other_dicom)}")
    if not problems:
        problems.append("the folder is empty")
    return InputError(f"No DICOM image was found in {path.name}; give the folder of a CT, or an image file.", problems)


def describe_series(headers: Sequence[ImageHeader], least_extent_mm: float = MINIMUM_EXTENT_MM) -> SeriesInfo:
    """Summarise a series from its headers and judge whether it can be a CT to plan on."""
    first = headers[0]
    axes = slice_axes(headers)
    spacing, extent = _spacing_and_extent(headers, axes)
    thickness = [header.slice_thickness_mm for header in headers if header.slice_thickness_mm is not None]
    why_not = _why_not(headers, axes, spacing, extent, least_extent_mm)
    return SeriesInfo(
        uid=first.series_uid,
        number=first.series_number,
        description=first.series_description,
        modality=first.modality,
        slice_count=len(headers),
        spacing_kji_mm=spacing,
        slice_thickness_mm=float(np.median(thickness)) if thickness else None,
        kernel=first.kernel,
        extent_mm=extent,
        image_type=first.image_type,
        eligible=not why_not,
        reason=why_not or "can be planned on",
        files=tuple(dict.fromkeys(header.path for header in headers)),
    )


def _spacing_and_extent(
    headers: Sequence[ImageHeader], axes: FloatArray | None
) -> tuple[tuple[float, float, float] | None, float | None]:
    positions = np.array([header.position for header in headers if header.position is not None])
    pixel = next((header.pixel_spacing for header in headers if header.pixel_spacing is not None), None)
    if axes is None or pixel is None or len(positions) < 2:
        return None, None
    along = np.sort(positions @ axes[2])
    steps = np.diff(along)
    steps = steps[steps > 0.01]
    if steps.size == 0:
        return None, None
    spacing = float(np.median(steps))
    return (spacing, float(pixel[0]), float(pixel[1])), float(along[-1] - along[0]) + spacing


def _why_not(
    headers: Sequence[ImageHeader],
    axes: FloatArray | None,
    spacing: tuple[float, float, float] | None,
    extent: float | None,
    least_extent_mm: float,
) -> str:
    """Return the first reason why a series cannot be planned on; empty when it can."""
    first = headers[len(headers) // 2]
    kind = set(first.image_type)
    placed = axes is not None and spacing is not None and extent is not None
    apart, covered = spacing[0] if spacing else 0.0, extent or 0.0
    words = _PROJECTION_WORDS.search(first.series_description or "")
    reasons = (
        (first.modality != "CT", f"not CT but {first.modality or 'of no stated modality'}"),
        (first.sop_class not in CT_CLASSES, "not CT images but a capture or report"),
        ("LOCALIZER" in kind, "a scout image, not slices"),
        (bool(kind & _PROJECTIONS or words), "projections, reformats or a scout, not the original slices"),
        (len(headers) < _FEWEST_SLICES, f"only {len(headers)} images"),
        (not placed, "the slices state no position or orientation"),
        (axes is not None and abs(axes[2, 2]) < _AXIAL_COSINE, "not axial slices but a reformat"),
        (apart > REFUSE_SLICE_MM, f"slices {apart:.2f} mm apart; planning needs {REFUSE_SLICE_MM:g} mm or less"),
        (covered < least_extent_mm, f"covers only {covered:.0f} mm"),
    )
    return next((reason for applies, reason in reasons if applies), "")


def is_sharp_kernel(kernel: str | None) -> bool:
    """Tell whether a reconstruction kernel's name means a sharp (lung or bone) kernel.

    Siemens numbers its kernels by sharpness (B10 to B80, Br36, Bl57): 50 and more is sharp. Others use words.
    """
    if not kernel:
        return False
    name = kernel.upper().split("/")[0].strip()
    numbered = _SIEMENS_KERNEL.match(kernel.strip())
    if numbered and not name.startswith("FC"):
        return int(numbered.group(1)[:2]) >= 50
    return any(word in name for word in _SHARP_WORDS)


def choose_series(series: Sequence[SeriesInfo], wanted: str | None = None, body: Body = "chest") -> tuple[SeriesInfo, str]:
    """Choose the series to plan on, and say why in one sentence.

    Parameters
    ----------
    series
        As :func:`list_series` returns them.
    wanted
        A Series Instance UID, the unique end of one, or a series number; it overrides the rule.
    body
        What the CT is to show, which its sentences speak of.

    Raises
    ------
    InputError
        When ``wanted`` names none or several, no series is eligible, or there are several patients; lists the series and
        what is wrong with each.
    """
    if wanted is not None:
        return _named_series(series, wanted)
    eligible = [info for info in series if info.eligible]
    if not eligible:
        problems = [info.summary() for info in series]
        raise InputError(f"None of the series is a {NAMED[body]} CT that can be {AIMS[body]}.", problems)
    if len({info.patient_number for info in eligible}) > 1:
        problems = [f"patient {one.patient_number}: {one.summary()}, UID ends in {one.uid[-12:]}" for one in eligible]
        raise InputError("The folder holds CTs of several patients; name the series that is meant with --series.", problems)
    longest = max(info.extent_mm or 0.0 for info in eligible)
    best = min(eligible, key=lambda info: _rank(info, longest))
    if len(series) == 1:
        return best, f"{_capital(best.title)} is the only series."
    if len(eligible) == 1:
        return best, f"{_capital(best.title)} is the only one of {len(series)} series that can be {AIMS[body]}."
    return best, (
        f"{_capital(best.title)} was chosen among {len(eligible)} possible series of {len(series)}: {_advantages(best, longest)}."
    )


def _rank(info: SeriesInfo, longest_mm: float) -> tuple[float, ...]:
    spacing = info.spacing_kji_mm[0] if info.spacing_kji_mm else REFUSE_SLICE_MM
    return (
        float("DERIVED" in info.image_type),
        float(spacing > WARN_SLICE_MM),
        float((info.extent_mm or 0.0) < 0.9 * longest_mm),
        float(is_sharp_kernel(info.kernel)),
        round(spacing, 2),
        -float(info.slice_count),
        float(info.number if info.number is not None else 1e9),
    )


def _advantages(info: SeriesInfo, longest_mm: float) -> str:
    parts = ["derived images" if "DERIVED" in info.image_type else "original axial slices"]
    if info.spacing_kji_mm:
        parts.append(f"{info.spacing_kji_mm[0]:.2f} mm apart")
    parts.append(f"covering {info.extent_mm or 0.0:.0f} of at most {longest_mm:.0f} mm")
    if info.kernel:
        parts.append(f"{'sharp' if is_sharp_kernel(info.kernel) else 'smooth to medium'} kernel {info.kernel}")
    return ", ".join(parts)


def _named_series(series: Sequence[SeriesInfo], wanted: str) -> tuple[SeriesInfo, str]:
    text = wanted.strip()
    exact = [info for info in series if info.uid == text]
    numbered = [info for info in series if text.isdigit() and info.number == int(text)]
    ending = [info for info in series if text and info.uid.endswith(text)]
    for matches in (exact, numbered, ending):
        if len(matches) == 1:
            return matches[0], f"{_capital(matches[0].title)} was asked for."
        if len(matches) > 1:
            break
    what = "more than one series matches" if numbered or ending else "no series matches"
    raise InputError(
        f"The series {wanted!r} cannot be chosen: {what}; give a series number or the end of a series UID.",
        [f"{info.summary()} (UID {info.uid})" for info in series],
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
