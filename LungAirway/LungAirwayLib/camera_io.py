"""The camera's ways of a plan as a file beside it, so that a front end can fly at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from SenseCarePlanningLib.plain_data import from_plain, to_plain

from .camera_path import CameraPath

CAMERA = "camera.json"


def save_camera_paths(paths: Mapping[int, CameraPath], folder: Path) -> None:
    """Write route rank -> camera path into a result folder; nothing for a plan without routes."""
    if paths:
        text = json.dumps({str(rank): to_plain(path) for rank, path in paths.items()}, allow_nan=False)
        (folder / CAMERA).write_text(text + "\n", encoding="utf-8")


def load_camera_paths(folder: Path) -> dict[int, CameraPath]:
    """Read what :func:`save_camera_paths` wrote; empty when the folder has none, or a damaged one."""
    try:
        content = json.loads((folder / CAMERA).read_text(encoding="utf-8"))
        return {int(rank): from_plain(CameraPath, path) for rank, path in content.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
