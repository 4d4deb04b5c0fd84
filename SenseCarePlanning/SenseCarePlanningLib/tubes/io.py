"""Trees on disk: JSON without loss, and VTP for viewers."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..geometry import FloatArray
from ..plain_data import is_version
from .tree import Branch, BranchFlag, BranchLabel, Bridge, RemovedLoop, Tree
from .vtp import read_tree_vtp, write_tree_vtp
from .whole import write_whole

__all__ = ["load_tree", "read_tree_vtp", "save_tree", "write_tree_vtp"]

SCHEMA = "sensecare.tubes.tree"
SCHEMA_VERSION = 1


def save_tree(tree: Tree, path: str | Path) -> None:
    """Write a tree as JSON (LPS mm, schema versioned).

    Doubles come back bit for bit; NaN is written as null. The file appears whole or not at all.
    """
    document = {
        "schema": SCHEMA,
        "version": SCHEMA_VERSION,
        "space": "LPS",
        "unit": "mm",
        "root_id": tree.root_id,
        "notes": list(tree.notes),
        "loops_removed": [
            {"points_lps_mm": _listed(loop.points_lps_mm), "minimum_radius_mm": loop.minimum_radius_mm}
            for loop in tree.loops_removed
        ],
        "bridges": [{**asdict(bridge), "points_lps_mm": _listed(bridge.points_lps_mm)} for bridge in tree.bridges],
    }
    # A branch at a time: one call for all would keep other threads, such as a window's, waiting.
    branches = ", ".join(json.dumps(_branch_document(branch), allow_nan=False) for branch in tree)
    text = f'{json.dumps(document, allow_nan=False)[:-1]}, "branches": [{branches}]}}'
    write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def load_tree(path: str | Path) -> Tree:
    """Read a tree that :func:`save_tree` wrote.

    Raises
    ------
    InputError
        When the file is missing, is not JSON, or is not a tree of a known version.
    """
    name = Path(path).name
    try:
        # Called back once an object, the parser lets other threads, such as a window's, have their turn.
        document = json.loads(Path(path).read_text(encoding="utf-8"), object_hook=lambda found: found)
    except (OSError, ValueError) as error:
        raise InputError(f"The airway or vessel tree {name} cannot be read.", detail=str(error)) from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise InputError(f"{name} is not a tree of tubes.", detail=f"expected schema {SCHEMA}")
    if not is_version(document.get("version"), (SCHEMA_VERSION,)):
        raise InputError(
            f"{name} was written by another version of this program.",
            detail=f"version {document.get('version')}, known {SCHEMA_VERSION}",
        )
    try:
        return _tree_of(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{name} is damaged: parts of the tree are missing.", detail=repr(error)) from error


def _listed(array: FloatArray) -> Any:
    values = np.asarray(array, dtype=np.float64)
    if np.isnan(values).any():
        boxed = values.astype(object)
        boxed[np.isnan(values)] = None
        return boxed.tolist()
    return values.tolist()


def _array(values: Any, *shape: int) -> FloatArray:
    return np.array(values, dtype=np.float64).reshape(-1, *shape)


def _branch_document(branch: Branch) -> dict[str, Any]:
    return {
        "id": branch.id,
        "parent_id": branch.parent_id,
        "child_ids": list(branch.child_ids),
        "generation": branch.generation,
        "strahler_order": branch.strahler_order,
        "horsfield_order": branch.horsfield_order,
        "label": None if branch.label is None else asdict(branch.label),
        "flags": sorted(flag.value for flag in branch.flags),
        "confidence": branch.confidence,
        "points_lps_mm": _listed(branch.points_lps_mm),
        "radius_mm": _listed(branch.radius_mm),
        "radius_interval_mm": _listed(branch.radius_interval_mm),
        "frames": _listed(branch.frames),
    }


def _label_of(document: dict[str, Any] | None) -> BranchLabel | None:
    if document is None:
        return None
    alternatives = tuple((str(code), float(weight)) for code, weight in document["alternatives"])
    return BranchLabel(str(document["code"]), float(document["confidence"]), alternatives)


def _branch_of(document: dict[str, Any]) -> Branch:
    return Branch(
        id=int(document["id"]),
        parent_id=None if document["parent_id"] is None else int(document["parent_id"]),
        child_ids=tuple(int(child) for child in document["child_ids"]),
        points_lps_mm=_array(document["points_lps_mm"], 3),
        radius_mm=_array(document["radius_mm"]),
        radius_interval_mm=_array(document["radius_interval_mm"], 2),
        frames=_array(document["frames"], 3, 3),
        generation=int(document["generation"]),
        strahler_order=int(document["strahler_order"]),
        horsfield_order=int(document["horsfield_order"]),
        label=_label_of(document["label"]),
        flags=frozenset(BranchFlag(name) for name in document["flags"]),
        confidence=float(document["confidence"]),
    )


def _tree_of(document: dict[str, Any]) -> Tree:
    branches = {branch.id: branch for branch in map(_branch_of, document["branches"])}
    loops = tuple(
        RemovedLoop(_array(loop["points_lps_mm"], 3), float(loop["minimum_radius_mm"])) for loop in document["loops_removed"]
    )
    bridges = tuple(
        Bridge(_array(one["points_lps_mm"], 3), float(one["gap_mm"]), float(one["confidence"]), str(one["reason"]))
        for one in document["bridges"]
    )
    root_id = int(document["root_id"])
    if root_id not in branches:
        raise ValueError(f"root {root_id} is not among the branches")
    return Tree(branches, root_id, loops, bridges, tuple(str(note) for note in document["notes"]))
