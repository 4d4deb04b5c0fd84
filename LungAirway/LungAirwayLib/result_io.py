"""An airway result as a folder, and back without loss."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from SenseCarePlanningLib.dicomio.files import read_label_map, write_label_map
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.surface import read_surface, write_surface
from SenseCarePlanningLib.tubes.io import load_tree, save_tree
from SenseCarePlanningLib.tubes.vtp import write_tree_vtp
from SenseCarePlanningLib.volume import LabelMap

from .constants import LOBE_CODES, LUNG_NAMES
from .names_by_hand import check_names
from .plan_io import PlanDocument, document_from_dict, plan_to_dict
from .result import AirwayResult

MASKS = {
    "airway": ("airway.nii.gz", {1: "airway_lumen"}),
    "lungs": ("lungs.nii.gz", LUNG_NAMES),
    "lobes": ("lobes.nii.gz", LOBE_CODES),
    "vessels": ("vessels.nii.gz", {1: "vessel"}),
}
TREE, TREE_VTP, SURFACE, PLAN = "tree.json", "tree.vtp", "airway_surface.vtp", "plan.json"


def save_result(result: AirwayResult, folder: Path) -> None:
    """Write a result into an existing folder: masks, tree, lumen surface and plan.

    Raises
    ------
    OSError
        When a file cannot be written; the caller throws the folder away.
    """
    for name, (file_name, _) in MASKS.items():
        label_map: LabelMap | None = getattr(result, name)
        if label_map is not None:
            write_label_map(label_map, folder / file_name)
    save_tree(result.tree, folder / TREE)
    write_tree_vtp(result.tree, folder / TREE_VTP)
    write_surface(result.surface, folder / SURFACE)
    text = json.dumps(plan_to_dict(result), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / PLAN).write_text(text + "\n", encoding="utf-8")


def load_result(folder: Path) -> AirwayResult:
    """Read what :func:`save_result` wrote.

    Raises
    ------
    InputError
        When the folder is no result, or a file of it is missing or damaged.
    """
    folder = Path(folder)
    missing = [name for name in (MASKS["airway"][0], TREE, SURFACE, PLAN) if not (folder / name).is_file()]
    if missing:
        raise InputError(f"The folder {folder.name} is no airway result.", [f"{name} is missing" for name in missing])
    try:
        document = document_from_dict(json.loads((folder / PLAN).read_text(encoding="utf-8")))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The plan in {folder.name} is damaged; make the plan again.", detail=str(error)) from error
    masks: dict[str, LabelMap | None] = {}
    for name, (file_name, names) in MASKS.items():
        path = folder / file_name
        masks[name] = _on_grid(replace(read_label_map(path, allow_empty=True), names=names), document) if path.is_file() else None
    airway = masks["airway"]
    assert airway is not None  # among the files checked above
    tree = load_tree(folder / TREE)
    check_names(tree)
    return AirwayResult(
        airway=airway,
        lungs=masks["lungs"],
        lobes=masks["lobes"],
        vessels=masks["vessels"],
        tree=tree,
        surface=read_surface(folder / SURFACE),
        branch_measurements=document.branch_measurements,
        plan=document.plan,
        quality=document.quality,
        engine=document.engine,
        run=document.run,
        warnings=document.warnings,
        not_measured=document.not_measured,
    )


def _on_grid(label_map: LabelMap, document: PlanDocument) -> LabelMap:
    """Give the mask the input's exact affine: NIfTI keeps it in single precision only."""
    exact = LabelMap(label_map.array_kji, np.array(document.run.input_geometry["affine_ijk_to_lps"]), label_map.names)
    return exact if exact.grid.same_as(label_map.grid) else label_map
