"""Run a MONAI bundle: its network, its weights, and nothing else of it."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import Progress
from ..volume import Volume
from .bundle_config import JOINERS, MODULES, BundleConfig, read_bundle
from .device import choose_device
from .grids import nearest, prepare, restore
from .protocol import Prediction
from .registry import ModelEntry, file_sha256
from .sliding_window import slide_config

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BundleSegmenter:
    """A :class:`~.protocol.Segmenter` from a bundle's folder.

    Parameters
    ----------
    folder
        The bundle.
    registry
        Known models; a bundle listed there by its folder's name must have the listed checksum.
    trust
        See :func:`~.bundle_config.read_bundle`.
    device
        "auto", "cpu", "cuda" or "mps".
    """

    folder: Path
    registry: Mapping[str, ModelEntry] | None = None
    trust: bool = False
    device: str = "auto"

    @property
    def name(self) -> str:
        """Name of the engine."""
        return "bundle"

    def available(self) -> str | None:
        """Return None when the bundle can run, or the reason why not."""
        missing = [module for module in ("torch", "monai") if importlib.util.find_spec(module) is None]
        if missing:
            noun, verb = ("package", "is") if len(missing) == 1 else ("packages", "are")
            return f"Running this network needs the Python {noun} {' and '.join(missing)}, which {verb} not installed."
        try:
            self._check()
        except InputError as error:
            return str(error)
        return None

    def segment(self, volume: Volume, progress: Progress, wanted: NDArray[np.bool_] | None = None) -> Prediction:
        """Run the network over the volume.

        Parameters
        ----------
        wanted
            (K, J, I) on the volume's grid: patches without a true voxel are not run.

        Raises
        ------
        InputError
            When the bundle cannot run: missing files or packages, code in it, a wrong checksum, weights that do not fit.
        Cancelled
            When the user asked to stop.
        """
        reason = self.available()
        if reason:
            raise InputError(reason)
        config = self._check()
        device = choose_device(self.device)
        network = _load(config, device, self.trust)
        image, grid = prepare(volume, config)
        if config.in_channels != 1:
            raise InputError(f"The bundle {self.folder.name} expects {config.in_channels} input channels; a CT has one.")
        inside = None if wanted is None else nearest(wanted, grid.shape_kji)
        run = _predictor(network, config, device)
        probabilities = slide_config(image, run, config, progress, inside)
        restored = restore(probabilities, grid, volume.grid)
        detail = f"{config.title} {config.version} on {device}".replace("  ", " ")
        return Prediction(restored, config.channel_names, volume.affine_ijk_to_lps, detail)

    def _check(self) -> BundleConfig:
        config = read_bundle(self.folder, self.trust)
        entry = (self.registry or {}).get(self.folder.name)
        if entry is not None and (found := file_sha256(config.weights)) != entry.sha256:
            raise InputError(
                f"The weights of {self.folder.name} are not the listed ones; download the model again.",
                detail=f"SHA-256 {found}, listed {entry.sha256}",
            )
        return config


def build_network(definition: Mapping[str, Any], trust: bool = False) -> Any:
    """Build a network from its checked definition.

    Raises
    ------
    InputError
        When the class does not exist or does not take the arguments.
    """
    target = str(definition["_target_"])
    module_name, _, class_name = target.rpartition(".")
    elsewhere = target in JOINERS or (trust and module_name and not module_name.startswith(MODULES))
    modules = [module_name] if elsewhere else list(MODULES)
    found = next((getattr(importlib.import_module(name), class_name, None) for name in modules), None)
    if found is None:
        found = getattr(importlib.import_module(MODULES[1]), class_name, None)
    if not isinstance(found, type):
        raise InputError(f"The bundle's network {target!r} is not known to the installed MONAI and torch.")
    arguments = {key: _build_nested(value, trust) for key, value in definition.items() if not key.startswith("_")}
    positional = [_build_nested(value, trust) for value in definition.get("_args_", [])]
    try:
        return found(*positional, **arguments)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The bundle's network {target!r} does not take the arguments it is given.", detail=str(error)
        ) from error


def _build_nested(value: Any, trust: bool) -> Any:
    if isinstance(value, dict) and "_target_" in value:
        return build_network(value, trust)
    if isinstance(value, list):
        return [_build_nested(part, trust) for part in value]
    return value


def _load(config: BundleConfig, device: str, trust: bool) -> Any:
    """Build the network and load its weights as weights only: a pickle that holds anything else is refused."""
    import pickle

    import torch

    network = build_network(config.network, trust)
    try:
        state = torch.load(config.weights, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError) as error:
        raise InputError(
            f"The weights of {config.folder.name} hold more than weights, or are damaged, and were not loaded.",
            detail=str(error)[:300],
        ) from error
    if isinstance(state, dict):
        state = next((state[key] for key in ("model", "state_dict") if isinstance(state.get(key), dict)), state)
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise InputError(
            f"The weights of {config.folder.name} do not fit its network; the bundle is incomplete or mixed up.",
            detail=str(error)[:300],
        ) from error
    return network.to(device).eval()


def _predictor(network: Any, config: BundleConfig, device: str) -> Any:
    import torch

    def predict(patch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the channels' chances at a patch."""
        with torch.inference_mode():
            logits = network(torch.from_numpy(patch[None]).to(device))
            if isinstance(logits, list | tuple):
                logits = logits[0]
            if logits.shape[1] != len(config.channel_names):
                raise InputError(
                    f"The network of {config.folder.name} returns {logits.shape[1]} channels, "
                    f"its metadata names {len(config.channel_names)}."
                )
            chances = torch.softmax(logits, dim=1) if config.softmax else torch.sigmoid(logits)
            return np.asarray(chances[0].float().cpu().numpy())

    return predict
