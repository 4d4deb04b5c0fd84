"""Run a bundle's ONNX form: the same network on a machine without torch."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..memory import give_memory_back
from ..progress import Progress
from ..volume import Volume
from .bundle_config import BundleConfig, read_bundle
from .grids import nearest, prepare, restore
from .protocol import Prediction
from .registry import ModelEntry, file_sha256
from .sliding_window import Predictor, slide_config

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OnnxSegmenter:
    """A :class:`~.protocol.Segmenter` from ``models/model.onnx`` of a bundle's folder, on the CPU.

    Parameters
    ----------
    folder
        The bundle. Its configuration is read as data; nothing in it is run but the graph.
    registry
        Known models; a bundle listed there with the checksum of its ONNX form must have it.
    threads
        Of the runtime; None takes the cores this process may use.
    """

    folder: Path
    registry: Mapping[str, ModelEntry] | None = None
    threads: int | None = None

    @property
    def name(self) -> str:
        """Name of the engine."""
        return "bundle"

    @property
    def weights(self) -> Path:
        """The file with graph and weights."""
        return self.folder / "models" / "model.onnx"

    def available(self) -> str | None:
        """Return None when the bundle can run, or the reason why not."""
        if importlib.util.find_spec("onnxruntime") is None:
            return "The Python package onnxruntime is not installed, which running a network without torch needs."
        if not self.weights.is_file():
            return f"The bundle {self.folder.name} has no ONNX form (models/model.onnx)."
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
            When the bundle cannot run: missing files or packages, code in it, a wrong checksum, a damaged graph.
        Cancelled
            When the user asked to stop.
        """
        reason = self.available()
        if reason:
            raise InputError(reason)
        config = self._check()
        if config.in_channels != 1:
            raise InputError(f"The bundle {self.folder.name} expects {config.in_channels} input channels; a CT has one.")
        image, grid = prepare(volume, config)
        run = _predictor(_session(self.weights, self.threads), config)
        inside = None if wanted is None else nearest(wanted, grid.shape_kji)
        probabilities = slide_config(image, run, config, progress, inside)
        del run, image, inside  # the session's arena holds 2 GB for patches of 144 voxels
        give_memory_back()
        restored = restore(probabilities, grid, volume.grid)
        detail = f"{config.title} {config.version} on cpu, ONNX Runtime".replace("  ", " ")
        return Prediction(restored, config.channel_names, volume.affine_ijk_to_lps, detail)

    def _check(self) -> BundleConfig:
        config = read_bundle(self.folder)
        entry = (self.registry or {}).get(self.folder.name)
        if entry is not None and entry.onnx_sha256 and (found := file_sha256(self.weights)) != entry.onnx_sha256:
            raise InputError(
                f"The ONNX form of {self.folder.name} is not the listed one; download the model again.",
                detail=f"SHA-256 {found}, listed {entry.onnx_sha256}",
            )
        return config


def _session(path: Path, threads: int | None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own exception classes are not public
        raise InputError(f"The ONNX form {path.name} is damaged and was not loaded.", detail=str(error)[:300]) from error


def cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _predictor(session: Any, config: BundleConfig) -> Predictor:
    name = session.get_inputs()[0].name

    def predict(patch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the channels' chances at a patch."""
        logits = np.asarray(session.run(None, {name: patch[None]})[0][0], dtype=np.float32)
        if len(logits) != len(config.channel_names):
            raise InputError(
                f"The network of {config.folder.name} returns {len(logits)} channels, "
                f"its metadata names {len(config.channel_names)}."
            )
        if config.softmax:
            power = np.exp(logits - logits.max(axis=0))
            return np.asarray(power / power.sum(axis=0), dtype=np.float32)
        np.negative(logits, out=logits)
        np.exp(np.clip(logits, -60.0, 60.0, out=logits), out=logits)
        logits += 1.0
        return np.reciprocal(logits, out=logits)

    return predict
