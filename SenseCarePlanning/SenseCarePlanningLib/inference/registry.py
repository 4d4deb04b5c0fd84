"""The lists of known models (``models.json``): what each is for, under which licence, how good, and its checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError

LISTS = "*models.json"
"""Names of the lists beside the bundles: all modules install into one folder, so each has a list of its own."""
REQUIRED = ("id", "title", "licence", "sha256", "intended_use", "quality")


@dataclass(frozen=True)
class ModelEntry:
    """One known model.

    Parameters
    ----------
    id
        Name of the bundle's folder and of its entry.
    sha256
        Of ``models/model.pt``, 64 lower-case hexadecimal digits.
    quality
        Measured figures, name -> value, with the data they were measured on in ``quality_on``.
    onnx_sha256
        Of ``models/model.onnx``; empty where the bundle has no such form.
    """

    id: str
    title: str
    licence: str
    sha256: str
    intended_use: str
    quality: Mapping[str, float] = field(default_factory=dict)
    quality_on: str = ""
    onnx_sha256: str = ""


def read_registry(path: Path) -> dict[str, ModelEntry]:
    """Read ``models.json``: ``{"models": [{"id": ..., ...}]}``.

    Raises
    ------
    InputError
        Naming every problem of the file at once.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The model list {path.name} cannot be read.", detail=str(error)) from error
    rows = content.get("models") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise InputError(f'The model list {path.name} has no list "models".')
    problems: list[str] = []
    found: dict[str, ModelEntry] = {}
    for number, row in enumerate(rows, start=1):
        entry = _entry(row, f"model {number}", problems)
        if entry is None:
            continue
        if entry.id in found:
            problems.append(f"model {number}: the id {entry.id!r} is used twice")
        found[entry.id] = entry
    if problems:
        raise InputError(f"The model list {path.name} is not valid.", problems)
    return found


def registry_beside(folder: Path) -> dict[str, ModelEntry]:
    """Return what the lists beside a bundle's folder know, by id; empty where there is none.

    Raises
    ------
    InputError
        When a list is damaged.
    """
    found: dict[str, ModelEntry] = {}
    for path in sorted(folder.parent.glob(LISTS)):
        found |= read_registry(path)
    return found


def _entry(row: object, where: str, problems: list[str]) -> ModelEntry | None:
    if not isinstance(row, dict):
        problems.append(f"{where}: expected an object")
        return None
    before = len(problems)
    for name in REQUIRED:
        if name not in row:
            problems.append(f"{where}: {name} is missing")
        elif name == "quality":
            if not isinstance(row[name], dict) or not all(isinstance(value, int | float) for value in row[name].values()):
                problems.append(f"{where}: quality has to map names to numbers")
        elif not isinstance(row[name], str) or not row[name]:
            problems.append(f"{where}: {name} has to be a text")
    digest = row.get("sha256")
    for name, value in (("sha256", digest), ("onnx_sha256", row.get("onnx_sha256"))):
        if isinstance(value, str) and (len(value) != 64 or set(value) - set("0123456789abcdef")):
            problems.append(f"{where}: {name} has to be 64 lower-case hexadecimal digits")
    if len(problems) > before:
        return None
    return ModelEntry(
        row["id"],
        row["title"],
        row["licence"],
        row["sha256"],
        row["intended_use"],
        row["quality"],
        str(row.get("quality_on", "")),
        str(row.get("onnx_sha256", "")),
    )


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 lower-case hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
