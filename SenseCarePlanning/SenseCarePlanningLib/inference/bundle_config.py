"""Read a MONAI bundle's configuration as data: what would execute code is refused, not run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError

REFERENCE = re.compile(r"^@[A-Za-z_][\w]*((::|#)[\w]+)*$")
TARGET = re.compile(r"^(monai\.networks\.nets\.(?:\w+\.)?|torch\.nn\.)?[A-Z]\w*$")
MODULES = ("monai.networks.nets", "torch.nn")
JOINERS = ("monai.networks.layers.SkipConnection",)
"""What else a network may be put together with, by its full name: no more than a join of tensors."""
NETWORK_KEYS = ("network_def", "network", "net")


@dataclass(frozen=True)
class BundleConfig:
    """What the runner needs of a bundle.

    Parameters
    ----------
    network
        The network's definition: ``_target_`` and its arguments, all references resolved, plain data only.
    window_hu
        HU mapped to 0 and 1, or None where the input is used as it is.
    spacing_mm
        (i, j, k) spacing the network expects, or None for the image's own.
    patch_kji
        Patch size.
    channel_names
        Name of each output channel.
    patch_divisor
        Where given, the network takes patches of any size that this divides, and the runner fits them to the image.
    softmax
        Output channels compete (softmax) instead of standing alone (sigmoid).
    """

    folder: Path
    title: str
    version: str
    network: Mapping[str, Any]
    in_channels: int
    channel_names: tuple[str, ...]
    window_hu: tuple[float, float] | None
    spacing_mm: tuple[float, float, float] | None
    patch_kji: tuple[int, int, int]
    overlap: float
    softmax: bool
    patch_divisor: int | None = None

    @property
    def weights(self) -> Path:
        """The file with the weights."""
        return self.folder / "models" / "model.pt"


def read_bundle(folder: Path, trust: bool = False) -> BundleConfig:
    """Read a bundle's folder without running any of it.

    Parameters
    ----------
    folder
        Holds ``configs/metadata.json``, ``configs/inference.json`` and ``models/model.pt``.
    trust
        Accept a bundle that brings code (``scripts``, expressions, imports). The code is still not run here: only the
        network's definition and the weights are used; trust lifts the refusal, and the restriction of the network's class to
        the two known modules.

    Raises
    ------
    InputError
        Naming everything that is missing, malformed, or would execute code.
    """
    problems = [
        f"{name} is missing"
        for name in ("configs/metadata.json", "configs/inference.json", "models/model.pt")
        if not (folder / name).is_file()
    ]
    if problems:
        raise InputError(f"The folder {folder.name} is not a complete MONAI bundle.", problems)
    metadata = _read_json(folder / "configs" / "metadata.json")
    inference = _read_json(folder / "configs" / "inference.json")
    key = next((name for name in NETWORK_KEYS if name in inference), None)
    if key is None:
        raise InputError(f"The bundle {folder.name} defines no network: configs/inference.json has no network_def.")
    if not trust:
        _refuse_code(folder, inference)
    network = _resolve(inference[key], inference, ())
    if not trust:
        _check_targets(folder, network)
    return _from_metadata(folder, metadata, inference, network)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The bundle's file {path.name} cannot be read.", detail=str(error)) from error
    if not isinstance(content, dict):
        raise InputError(f"The bundle's file {path.name} does not hold an object.")
    return content


def _refuse_code(folder: Path, inference: Mapping[str, Any]) -> None:
    """Refuse whatever could run code: folders of scripts, import lists, expressions, macros that read other files."""
    problems = [f"it brings {name}" for name in ("scripts", "__init__.py") if (folder / name).exists()]
    problems += [f"it brings the Python file {found.relative_to(folder)}" for found in sorted(folder.rglob("*.py"))[:5]]

    def walk(value: Any, where: str) -> None:
        """Look into every part for what would run code."""
        if isinstance(value, dict):
            for key, part in value.items():
                if key in {"imports", "import", "_imports_", "_mode_", "_desc_code_"}:
                    problems.append(f"{where}{key} asks for imports or another way to build objects")
                walk(part, f"{where}{key}/")
        elif isinstance(value, list):
            for number, part in enumerate(value):
                walk(part, f"{where}{number}/")
        elif isinstance(value, str) and value.lstrip().startswith(("$", "%")):
            problems.append(f"{where.rstrip('/')} holds an expression: {value[:60]!r}")

    walk(inference, "")
    if problems:
        raise InputError(
            f"The bundle {folder.name} would execute code and was refused; run it only if you trust who made it.", problems
        )


def _resolve(value: Any, root: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """Replace ``@name`` and ``@name::part`` by what they refer to."""
    if isinstance(value, dict):
        return {key: _resolve(part, root, path) for key, part in value.items()}
    if isinstance(value, list):
        return [_resolve(part, root, path) for part in value]
    if isinstance(value, str) and value.startswith("@"):
        if not REFERENCE.match(value):
            raise InputError(f"The bundle's reference {value!r} is more than a name; only simple references are read.")
        if value in path:
            raise InputError(f"The bundle's references run in a circle: {' -> '.join([*path, value])}.")
        found: Any = root
        for part in re.split(r"::|#", value[1:]):
            if isinstance(found, dict) and part in found:
                found = found[part]
            elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
                found = found[int(part)]
            else:
                raise InputError(f"The bundle refers to {value!r}, which it does not define.")
        return _resolve(found, root, (*path, value))
    return value


def _check_targets(folder: Path, network: Any) -> None:
    problems: list[str] = []

    def walk(value: Any) -> None:
        """Look into every part for objects that are not allowed."""
        if isinstance(value, dict):
            target = value.get("_target_", JOINERS[0])
            if not (isinstance(target, str) and (target in JOINERS or TARGET.match(target))):
                problems.append(f"{target!r} is neither in monai.networks.nets nor in torch.nn")
            for part in value.values():
                walk(part)
        elif isinstance(value, list):
            for part in value:
                walk(part)

    if not isinstance(network, dict) or "_target_" not in network:
        problems.append("the network's definition has no _target_")
    walk(network)
    if problems:
        raise InputError(f"The bundle {folder.name} asks for a network that is not on the list of safe ones.", problems)


def _from_metadata(
    folder: Path, metadata: Mapping[str, Any], inference: Mapping[str, Any], network: Mapping[str, Any]
) -> BundleConfig:
    problems: list[str] = []
    form = metadata.get("network_data_format", {})
    image: dict[str, Any] = next(iter(form.get("inputs", {}).values()), {}) if isinstance(form, dict) else {}
    output: dict[str, Any] = next(iter(form.get("outputs", {}).values()), {}) if isinstance(form, dict) else {}
    if not image or not output:
        problems.append("metadata.json does not describe inputs and outputs under network_data_format")
    patch = image.get("patch_size", image.get("spatial_shape", [128, 128, 128]))
    if not (isinstance(patch, list) and len(patch) == 3 and all(isinstance(size, int) and size > 0 for size in patch)):
        problems.append(f"the patch size {patch!r} is not three positive whole numbers")
        patch = [128, 128, 128]
    channels = output.get("channel_def", {})
    count = output.get("num_channels", len(channels))
    if not isinstance(count, int) or count < 1 or (channels and len(channels) != count):
        problems.append(f"the output has {count!r} channels but names {len(channels)}")
        count = max(len(channels), 1)
    divisor = image.get("patch_divisor")
    if divisor is not None and not (isinstance(divisor, int) and divisor > 0):
        problems.append(f"the patch divisor {divisor!r} is not a positive whole number")
    if problems:
        raise InputError(f"The bundle {folder.name} does not say how to run it.", problems)
    window = image.get("value_range_hu", image.get("window_hu"))
    spacing = image.get("spacing", image.get("pixdim"))
    names = tuple(str(channels.get(str(number), f"channel_{number}")) for number in range(count))
    overlap = inference.get("overlap", 0.5)
    return BundleConfig(
        folder=folder,
        title=str(metadata.get("name", folder.name)),
        version=str(metadata.get("version", "")),
        network=network,
        in_channels=int(image.get("num_channels", 1)),
        channel_names=names,
        window_hu=None if window is None else (float(window[0]), float(window[1])),
        spacing_mm=None if spacing is None else (float(spacing[0]), float(spacing[1]), float(spacing[2])),
        patch_kji=(patch[0], patch[1], patch[2]),
        overlap=float(overlap) if isinstance(overlap, int | float) and 0 <= overlap < 1 else 0.5,
        softmax=count > 1 and bool(output.get("softmax", True)),
        patch_divisor=divisor,
    )
