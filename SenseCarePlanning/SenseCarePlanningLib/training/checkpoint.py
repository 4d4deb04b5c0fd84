"""Checkpoints whose name is their checksum: written whole or not at all, and refused when a bit has changed."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

from ..errors import InputError

PREFIX = "checkpoint_"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> Path:
    """Write ``checkpoint_<step>_<checksum>.pt`` and remove older ones; ``state`` holds tensors and plain data."""
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()[:16]
    path = folder / f"{PREFIX}{int(state['step']):08d}_{digest}.pt"
    partial = folder / f".{path.name}.{os.getpid()}"
    partial.write_bytes(content)
    partial.replace(path)
    for old in checkpoints(folder):
        if old != path and old.name < path.name:
            old.unlink()
    return path


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a folder, oldest first."""
    return sorted(folder.glob(f"{PREFIX}*_*.pt"))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint as data only.

    Raises
    ------
    InputError
        When the file is not what was written.
    """
    import pickle

    import torch

    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest()[:16] != path.stem.rsplit("_", 1)[-1]:
        raise InputError(f"The checkpoint {path.name} is damaged; delete it to begin again, or put back an intact one.")
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(f"The checkpoint {path.name} cannot be read.", detail=str(error)[:300]) from error
    if not isinstance(state, dict) or "step" not in state:
        raise InputError(f"The checkpoint {path.name} is not one of this training.")
    return state
