"""A coronary result as a folder, and back without loss."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from SenseCarePlanningLib.dicomio.files import read_label_map, write_label_map
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.plain_data import from_plain, is_version, to_plain
from SenseCarePlanningLib.report.model import Measurement
from SenseCarePlanningLib.run_info import EngineInfo, RunInfo
from SenseCarePlanningLib.tubes.io import load_tree, save_tree
from SenseCarePlanningLib.tubes.vtp import write_tree_vtp
from SenseCarePlanningLib.volume import LabelMap

from .cadrads import CadRads
from .calcium import CalciumScore
from .findings import CoronaryFindings
from .heart_segmentation import Graft
from .issues import QualityItem
from .lumen import Measured
from .patient_findings import SegmentLesion
from .plaque import LesionPlaque, PlaqueVolumes
from .result import CoronaryResult
from .scan_model import ScanModel
from .segment_map import SEGMENT_NAMES
from .segments import Dominance
from .stenosis import StenosisResult
from .structures import HEART_NAMES
from .vessel_io import load_arrays, save_arrays
from .vessel_result import VesselResult
from .vessels import Vessel

CORONARY, HEART, SEGMENTS, VESSELS = "coronary.json", "heart.nii.gz", "segments.nii.gz", "vessels"
SCHEMA_NAME, SCHEMA_VERSION = "sensecare-coronary", 3
"""The version is raised when a field is renamed, removed or changes its meaning."""
_READABLE = (1, 2, SCHEMA_VERSION)
"""Version 1 had the arrays of centrelines and healthy references as lists in the JSON file; up to 2 rules and issues were kept as
their sentences, which are read while the wording stands."""


@dataclass(frozen=True, eq=False)
class _Document:
    """The part of a result that is neither image, tree nor vessel."""

    dominance: Dominance | None
    scan: ScanModel | None
    lesions: tuple[SegmentLesion, ...]
    calcium: CalciumScore | None
    quality: tuple[QualityItem, ...]
    findings: CoronaryFindings
    grade: CadRads
    segment_measurements: dict[str, tuple[Measurement, ...]]
    lesion_measurements: tuple[tuple[Measurement, ...], ...]
    examination: dict[str, Measurement]
    engine: EngineInfo
    run: RunInfo
    warnings: tuple[str, ...]
    not_measured: tuple[str, ...]
    grafts: tuple[Graft, ...] = ()


@dataclass(frozen=True, eq=False)
class _VesselParts:
    """A vessel as it is kept; edits are kept elsewhere."""

    vessel: Vessel
    measured: Measured | None
    stenosis: StenosisResult | None
    lesion_plaques: tuple[LesionPlaque, ...]
    plaque: PlaqueVolumes | None
    reason: str
    bypassed_mm: float = 0.0


_PARTS = tuple(_Document.__annotations__)


def tree_name(number: int) -> str:
    """Return the name of a tree's files, without their ending."""
    return f"tree_{number}"


def save_result(result: CoronaryResult, folder: Path) -> None:
    """Write a result into an existing folder: label maps, trees, vessels and ``coronary.json``.

    Raises
    ------
    OSError
        When a file cannot be written; the caller throws the folder away.
    """
    write_label_map(result.heart, folder / HEART)
    write_label_map(result.segments, folder / SEGMENTS)
    for number, tree in enumerate(result.trees):
        save_tree(tree, folder / f"{tree_name(number)}.json")
        write_tree_vtp(tree, folder / f"{tree_name(number)}.vtp")
    (folder / VESSELS).mkdir(exist_ok=True)
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:  # packing leaves the other threads at work
        vessels = list(pool.map(lambda one: save_vessel(one, folder / VESSELS), result.vessels))
    document = _Document(**{name: getattr(result, name) for name in _PARTS})
    content = {
        "schema": SCHEMA_NAME,
        "schema_version": SCHEMA_VERSION,
        "frame": "LPS",
        "intended_use": "For review by a clinician; research use, not a medical device.",
        "cad_rads": result.grade.text,
        "cad_rads_because": [one.text for one in result.grade.trace],
        "trees": len(result.trees),
        **to_plain(document),
        "vessels": vessels,
    }
    # one line a part: indented, its long lists would make twice the file and cost five times as long
    lines = [f"{json.dumps(key)}: {json.dumps(part, ensure_ascii=False, allow_nan=False)}" for key, part in content.items()]
    (folder / CORONARY).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def save_vessel(one: VesselResult, folder: Path) -> Any:
    """Write the arrays of a vessel into ``<its name>.npz`` and return the rest as JSON values; edits are left out."""
    parts = _VesselParts(one.vessel, one.measured, one.stenosis, one.lesion_plaques, one.plaque, one.reason, one.bypassed_mm)
    return save_arrays(parts, folder / f"{one.vessel.name}.npz")


def load_result(folder: Path, images: bool = True) -> CoronaryResult:
    """Read what :func:`save_result` wrote; what a reader changed since then is not in it, see ``reader_changes``.

    Parameters
    ----------
    images
        False leaves the label maps empty (all 0): for a window that shows numbers, and must not wait for images.

    Raises
    ------
    InputError
        When the folder is no coronary result, or a file of it is missing or damaged.
    """
    folder = Path(folder)
    content = _content(folder)
    try:
        document = from_plain(_Document, content)
        vessels = tuple(load_vessel(one, folder / VESSELS) for one in content["vessels"])
        trees = tuple(load_tree(folder / f"{tree_name(number)}.json") for number in range(int(content["trees"])))
    except (ValueError, KeyError, TypeError, OSError) as error:
        problem = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(f"The coronary result in {folder.name} is damaged; run the analysis again.", [problem]) from error
    if images:
        heart = _exact(read_label_map(folder / HEART, allow_empty=True), HEART_NAMES, document)
        segments = _exact(read_label_map(folder / SEGMENTS, allow_empty=True), SEGMENT_NAMES, document)
    else:
        heart, segments = _without_labels(HEART_NAMES, document), _without_labels(SEGMENT_NAMES, document)
    rest = {name: getattr(document, name) for name in _PARTS}
    return CoronaryResult(heart=heart, segments=segments, trees=trees, vessels=vessels, **rest)


def _content(folder: Path) -> dict[str, Any]:
    missing = [name for name in (CORONARY, HEART, SEGMENTS) if not (folder / name).is_file()]
    if missing:
        raise InputError(f"The folder {folder.name} is no coronary result.", [f"{name} is missing" for name in missing])
    try:
        content = json.loads((folder / CORONARY).read_text(encoding="utf-8"), parse_float=_number)
    except ValueError as error:
        raise InputError(
            f"The coronary result in {folder.name} is damaged; run the analysis again.", detail=str(error)
        ) from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA_NAME:
        raise InputError(f"The folder {folder.name} is no coronary result.")
    version = content.get("schema_version")
    if not is_version(version, _READABLE):
        problem = f"schema_version is {json.dumps(version)}, expected one of {', '.join(str(one) for one in _READABLE)}"
        raise InputError("The result was written by another version of the program; run the analysis again.", [problem])
    return content


def _number(text: str) -> float:
    """Read a number in Python: a reader in C would hold up all other threads, a window's too, until the whole file is read."""
    return float(text)


def load_vessel(content: Any, folder: Path) -> VesselResult:
    """Return a vessel that :func:`save_vessel` wrote.

    Raises
    ------
    ValueError, KeyError
        When it is damaged.
    OSError
        When its file is missing.
    """
    parts = load_arrays(_VesselParts, content, folder / f"{content['vessel']['name']}.npz")
    return VesselResult(
        parts.vessel, parts.measured, parts.stenosis, parts.lesion_plaques, parts.plaque, parts.reason, parts.bypassed_mm
    )


def _without_labels(names: dict[int, str], document: _Document) -> LabelMap:
    """Return an empty map of the input's size that takes no memory."""
    geometry = document.run.input_geometry
    empty = np.broadcast_to(np.uint8(0), tuple(int(size) for size in np.array(geometry["shape_kji"])))
    return LabelMap(empty, np.array(geometry["affine_ijk_to_lps"]), names)


def _exact(label_map: LabelMap, names: dict[int, str], document: _Document) -> LabelMap:
    """Give the map the input's exact affine: NIfTI keeps it in single precision only."""
    exact = LabelMap(label_map.array_kji, np.array(document.run.input_geometry["affine_ijk_to_lps"]), names)
    return exact if exact.grid.same_as(label_map.grid) else replace(label_map, names=names)
