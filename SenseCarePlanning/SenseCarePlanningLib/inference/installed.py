"""Which models lie on this machine: where, how large, under which licence."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from .registry import ModelEntry, registry_beside

METADATA = Path("configs") / "metadata.json"
LICENCE_FILES = ("docs/data_license.txt", "LICENSE", "LICENSE.txt")


@dataclass(frozen=True)
class InstalledModel:
    """A MONAI bundle's folder on this machine.

    Parameters
    ----------
    name
        The folder's name, by which a list beside it knows it.
    title, version
        As its metadata say.
    licence
        From a list beside it, else from its metadata, else the first line of its licence file; empty when nothing says.
    intended_use
        One sentence; empty when nothing says.
    size_bytes
        Of all its files.
    """

    name: str
    folder: Path
    title: str
    version: str
    licence: str
    intended_use: str
    size_bytes: int


def find_models(folders: Iterable[Path]) -> list[InstalledModel]:
    """Return the bundles in the given folders: each folder may be a bundle or hold some.

    Parameters
    ----------
    folders
        Places to look; absent ones give nothing. A bundle is a folder with ``configs/metadata.json``.

    Returns
    -------
    list of InstalledModel
        Each bundle once, in the order of the places, by name within one.
    """
    found: dict[Path, InstalledModel] = {}
    for place in folders:
        if not place.is_dir():
            continue
        inside = sorted(one for one in place.iterdir() if one.is_dir()) if not (place / METADATA).is_file() else [place]
        for folder in inside:
            if (folder / METADATA).is_file() and folder.resolve() not in found:
                found[folder.resolve()] = describe_model(folder)
    return list(found.values())


def describe_model(folder: Path) -> InstalledModel:
    """Return what a bundle's folder says about itself; damaged metadata leave the folder's name."""
    facts = _metadata(folder)
    entry = _listed(folder)
    return InstalledModel(
        name=folder.name,
        folder=folder,
        title=entry.title if entry is not None else str(facts.get("name") or folder.name),
        version=str(facts.get("version") or ""),
        licence=entry.licence if entry is not None else str(facts.get("license") or _first_line(folder)),
        intended_use=entry.intended_use if entry is not None else str(facts.get("intended_use") or ""),
        size_bytes=folder_size(folder),
    )


def folder_size(folder: Path) -> int:
    """Return the bytes of all files in a folder; links count nothing."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file() and not one.is_symlink())


def _metadata(folder: Path) -> dict[str, Any]:
    try:
        facts = json.loads((folder / METADATA).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _listed(folder: Path) -> ModelEntry | None:
    try:
        return registry_beside(folder).get(folder.name)
    except InputError:
        return None


def _first_line(folder: Path) -> str:
    for name in LICENCE_FILES:
        path = folder / name
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
            return next((line.strip() for line in lines if line.strip()), "")
    return ""
