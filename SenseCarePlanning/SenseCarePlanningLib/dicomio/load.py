"""Load a chest CT from whatever the user points at, or say everything that is wrong with it."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..volume import Volume, canonical_affine
from .agreement import counted, disagreements, listed, rescale_problems, unreadable
from .chest import LEAST_HEART_MM, check_chest, check_heart, head_foot_axis, head_foot_extent_mm
from .damage import damage_signs
from .discover import AIMS, CT_CLASSES, Body, Series, choose_series, group_series, no_images_error
from .files import is_image_file, read_volume_file
from .headers import ImageHeader
from .nifti_header import is_nifti, nifti_warnings
from .pixels import FLOOR_HU, padding_warnings, read_hounsfield, unsupported_syntax
from .read_study import read_acquisition, read_study
from .scan import ScanResult, files_under, scan
from .stack import MINIMUM_EXTENT_MM, Stack, build_stack, thickness_problems
from .study import SeriesInfo, StudyInfo

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """A checked image, where it came from, and what the reader must be told about it.

    Parameters
    ----------
    volume
        HU int16, clipped at -1024, right-handed grid for DICOM; its affine the same from whatever form of the image.
    warnings
        Sentences, most important first.
    files
        The files read; for DICOM in the order of k.
    choice_reason
        Why this series, one sentence.
    """

    volume: Volume
    study: StudyInfo = field(repr=False)
    series: SeriesInfo
    warnings: tuple[str, ...] = ()
    files: tuple[Path, ...] = field(default=(), repr=False)
    choice_reason: str = ""

    @property
    def is_dicom(self) -> bool:
        """Whether the image came from DICOM."""
        return bool(self.series.uid)


def load_image(path: Path, series: str | None = None, require_chest: bool = True, body: Body = "chest") -> LoadedImage:
    """Load a CT from a DICOM folder or file, or from a NIfTI, NRRD or MetaImage file, after checking it.

    Parameters
    ----------
    path
        A folder (searched in depth; other files are passed over and counted) or a file.
    series
        Which DICOM series: a UID, the unique end of one, or a series number; by the rule of :mod:`.discover` when None.
    require_chest
        Refuse what is not a CT in HU of the part of the body, or shows damage in its voxels; when False these are warnings.
    body
        What the CT must show: a chest with its lungs, or a heart.

    Raises
    ------
    InputError
        When the input cannot be used, with every problem found.
    """
    path = Path(path)
    start = time.perf_counter()
    if not path.exists():
        raise InputError(f"{path.name} does not exist.")
    if path.is_file() and is_image_file(path):
        loaded = _load_file(path, series, require_chest, body)
    else:
        images = [file for file in files_under(path) if is_image_file(file)] if path.is_dir() else []
        found = scan(files_under(path))
        if not found.images and len(images) == 1 and not found.damaged:
            loaded = _load_file(images[0], series, require_chest, body)
        else:
            loaded = _load_dicom(path, found, series, require_chest, body)
    logger.info("image read: %s voxels, %.1f s", "x".join(map(str, loaded.volume.array_kji.shape)), time.perf_counter() - start)
    return loaded


def _refuse(title: str, problems: Sequence[str], body: Body) -> InputError:
    count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
    return InputError(f"{title} cannot be {AIMS[body]}: {count}.", [_sentence(problem) for problem in problems])


def _sentence(problem: str) -> str:
    """Begin with a capital, unless it begins with a file's name."""
    return problem if "." in problem.split(" ", 1)[0] else problem[:1].upper() + problem[1:]


def _load_file(path: Path, series: str | None, require_chest: bool, body: Body) -> LoadedImage:
    if series is not None:
        raise InputError(f"{path.name} is not DICOM and holds no series; leave out the choice of a series.")
    volume = read_volume_file(path)
    volume = replace(volume, affine_ijk_to_lps=canonical_affine(volume.affine_ijk_to_lps))
    # A plan on the wrong side harms: what does not say where left is, is not planned on.
    unplaced = nifti_warnings(path) if is_nifti(path) else []
    problems, warnings = (unplaced, []) if require_chest else ([], unplaced)
    spacing = volume.grid.spacing_kji_mm
    axis = head_foot_axis(volume.grid)
    in_plane = max(value for n, value in enumerate(spacing) if n != 2 - axis)
    found, told = thickness_problems((), spacing[2 - axis], in_plane)
    problems, warnings = problems + found, warnings + told
    lowest = min(spacing)
    if lowest < 0.05:
        problems.append(f"the voxel spacing of {lowest:.4g} mm cannot be right; was it written in another unit than mm?")
    found, told = _content(volume, (), require_chest, body)
    if problems or found:
        raise _refuse(f"The image {path.name}", [*problems, *found], body)
    info = SeriesInfo(
        uid="",
        description=None,
        modality="CT",
        slice_count=volume.array_kji.shape[2 - axis],
        spacing_kji_mm=spacing,
        extent_mm=head_foot_extent_mm(volume.grid),
        eligible=True,
        reason=f"can be {AIMS[body]}",
        files=(path,),
    )
    volume = replace(volume, array_kji=_floored(volume.array_kji))
    return LoadedImage(volume, StudyInfo(), info, (*warnings, *told), (path,), "The input is a single image file.")


def _floored(array_kji: NDArray[np.int16]) -> NDArray[np.int16]:
    """Clip at the floor of the HU scale and return int16."""
    if array_kji.dtype != np.int16:
        array_kji = np.rint(np.clip(array_kji, FLOOR_HU, 32767)).astype(np.int16)
    floored: NDArray[np.int16] = np.maximum(array_kji, np.int16(FLOOR_HU))
    return floored


def _content(volume: Volume, names: Sequence[str], require_chest: bool, body: Body) -> tuple[list[str], list[str]]:
    """Judge the voxels; returns problems and warnings."""
    array = volume.array_kji
    whole = array if array.dtype == np.int16 else np.clip(np.rint(array), -32768, 32767).astype(np.int16)
    # Where slices are not named the array may be stored in any order: look along the body, as a scanner does.
    axis = 0 if names else 2 - head_foot_axis(volume.grid)
    signs = damage_signs(np.moveaxis(whole, axis, 0), names, float(volume.grid.spacing_kji_mm[axis]), beating=body == "heart")
    findings = check_heart(volume) if body == "heart" else check_chest(volume)
    problems, warnings = [*signs, *findings.problems], list(findings.warnings)
    return (problems, warnings) if require_chest else ([], [*problems, *warnings])


def _load_dicom(path: Path, found: ScanResult, wanted: str | None, require_chest: bool, body: Body) -> LoadedImage:
    groups = group_series(found, LEAST_HEART_MM if body == "heart" else MINIMUM_EXTENT_MM)
    damaged = [f"{name} {problem}" for name, problem in found.damaged.items()]
    if not groups:
        raise no_images_error(path, found)
    chosen, reason = _choose(groups, damaged, wanted, body)
    headers, warnings = _without_scouts_and_copies(chosen.headers)
    problems = [*damaged, *unreadable(headers), *disagreements(headers), *unsupported_syntax(headers)]
    for judge in (rescale_problems, _class_problems):
        bad, told = judge(headers)
        problems += bad
        warnings += told
    stack, bad, told = build_stack(headers)
    problems, warnings = problems + bad, warnings + told
    spacing = chosen.info.spacing_kji_mm
    if spacing is not None:
        bad, told = thickness_problems(headers, stack.spacing_mm if stack else spacing[0], max(spacing[1:]))
        problems, warnings = problems + bad, warnings + told
    problems += _lost_neighbours(chosen, groups)
    if problems or stack is None:
        raise _refuse(_capital_title(chosen.info), problems or ["fewer than two slices can be read"], body)
    volume, told = _read_volume(stack, chosen.info, require_chest, body)
    warnings = [*warnings, *told, *_passed_over(found, groups)]
    study = read_study(stack.headers[0].path)
    files = tuple(dict.fromkeys(header.path for header in stack.headers))
    told_of = f"can be {AIMS[body]}" if chosen.info.eligible else chosen.info.reason
    info = replace(chosen.info, slice_count=len(stack.headers), files=files, reason=told_of)
    return LoadedImage(volume, study, info, tuple(warnings), files, reason)


def _capital_title(info: SeriesInfo) -> str:
    return info.title[:1].upper() + info.title[1:]


def _choose(groups: Sequence[Series], damaged: Sequence[str], wanted: str | None, body: Body) -> tuple[Series, str]:
    """Choose a series; when none is eligible but one CT is the obvious one, take it, so that all its problems are told."""
    infos = [group.info for group in groups]
    try:
        info, reason = choose_series(infos, wanted, body)
    except InputError as error:
        candidates = [group for group in groups if group.info.modality == "CT" and group.info.slice_count > 1]
        if wanted is None and (len(groups) == 1 or len(candidates) == 1):
            only = candidates[0] if candidates else groups[0]
            if only.info.slice_count > 1:
                return only, "It is the only series of CT slices."
        raise InputError(error.user_message, (*damaged, *error.problems)) from None
    return next(group for group in groups if group.info is info), reason


def _without_scouts_and_copies(headers: Sequence[ImageHeader]) -> tuple[list[ImageHeader], list[str]]:
    """Leave out scouts kept in the same series, and files that are exact copies of others."""
    warnings = []
    scouts = [header for header in headers if "LOCALIZER" in header.image_type]
    kept = [header for header in headers if "LOCALIZER" not in header.image_type]
    if kept and scouts:
        warnings.append(f"{len(scouts)} scout images in the series were left out: {listed(header.name for header in scouts)}")
    elif scouts:
        kept = list(headers)
    seen: dict[tuple[str, int], list[ImageHeader]] = {}
    unique, copies = [], []
    for header in kept:
        twins = seen.setdefault((header.sop_uid, header.frame), [])
        if header.sop_uid and any(_same_content(header.path, twin.path) for twin in twins):
            copies.append(header)
        else:
            unique.append(header)
        twins.append(header)
    if copies:
        files = counted(copies, "file is an exact copy of another and was", "files are exact copies of others and were")
        warnings.append(f"{files} read once: {listed(header.name for header in copies)}")
    return unique, warnings


def _same_content(first: Path, second: Path) -> bool:
    if first.stat().st_size != second.stat().st_size:
        return False
    return hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()


def _class_problems(headers: Sequence[ImageHeader]) -> tuple[list[str], list[str]]:
    problems: list[str] = []
    modality, sop_class = headers[0].modality, headers[len(headers) // 2].sop_class
    if all(header.modality != "CT" for header in headers):
        problems.append(f"the images are not CT but {modality or 'of no stated modality'}")
    elif sop_class not in CT_CLASSES:
        problems.append("the images are not of a CT image class but captures or reports")
    warnings = []
    if any(header.lossy for header in headers):
        warnings.append("the images were compressed with loss: fine detail is not what the scanner measured")
    return problems, warnings


def _lost_neighbours(chosen: Series, groups: Sequence[Series]) -> list[str]:
    """Find single images of another series that continue this one's grid: split off, or with a damaged UID."""
    spacing = chosen.info.spacing_kji_mm
    positions = np.array([header.position for header in chosen.headers if header.position is not None])
    if spacing is None or not len(positions):
        return []
    reference = next(header for header in chosen.headers if header.position is not None)
    problems = []
    for group in groups:
        if group is chosen or len(group.headers) > 3:
            continue
        for header in group.headers:
            alike = (header.study_uid, header.rows, header.columns, header.orientation, header.pixel_spacing, header.image_type)
            same = (reference.study_uid, reference.rows, reference.columns, reference.orientation, reference.pixel_spacing)
            if alike != (*same, reference.image_type) or header.position is None:
                continue
            nearest = float(np.linalg.norm(positions - np.array(header.position), axis=1).min())
            if nearest < 1.5 * spacing[0]:
                problems.append(f"{header.name} belongs by its position to this series, but has another series UID")
    return problems


def _read_volume(stack: Stack, info: SeriesInfo, require_chest: bool, body: Body) -> tuple[Volume, list[str]]:
    array, problems = read_hounsfield(stack.headers)
    acquisition = read_acquisition(stack.headers[len(stack.headers) // 2].path)
    volume = Volume(array, canonical_affine(stack.affine_ijk_to_lps), "CT", acquisition)
    warnings = padding_warnings(stack.headers)
    if not problems:
        found, told = _content(volume, [header.name for header in stack.headers], require_chest, body)
        problems, warnings = found, warnings + told
    if problems:
        raise _refuse(_capital_title(info), problems, body)
    np.maximum(array, np.int16(FLOOR_HU), out=array)
    return volume, warnings


def _passed_over(found: ScanResult, groups: Sequence[Series]) -> list[str]:
    """Say what else lies in the folder and was not read."""
    told = []
    if found.not_dicom:
        files = counted(found.not_dicom, "file that is not DICOM was", "files that are not DICOM were")
        told.append(f"{files} passed over: {listed(found.not_dicom)}")
    if len(groups) > 1:
        told.append(f"{len(groups) - 1} other series in the folder were not used")
    return told
