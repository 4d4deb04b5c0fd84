"""The engines that need a network: a MONAI bundle, and TotalSegmentator where it is installed with its weights."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.inference.bundle import BundleSegmenter
from SenseCarePlanningLib.inference.protocol import Prediction, Segmenter
from SenseCarePlanningLib.inference.registry import ModelEntry, registry_beside
from SenseCarePlanningLib.inference.totalsegmentator import run_task, why_not
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import Volume

if TYPE_CHECKING:
    from .segment import SegmentOptions

logger = logging.getLogger(__name__)

TASK = "lung_vessels"
WEIGHTS = ("Dataset258_*", "Dataset298_*")
"""Folders of the weights that the task needs: its own, and those of the coarse model by which it first finds the lungs."""
AIRWAY_WORDS = ("airway", "bronch", "trachea")


@dataclass(frozen=True)
class TotalSegmentatorSegmenter:
    """TotalSegmentator's task "lung_vessels" (Wasserthal 2023, doi:10.1148/ryai.230024); never downloads anything."""

    @property
    def name(self) -> str:
        """Name of the engine."""
        return "totalsegmentator"

    def available(self) -> str | None:
        """Return None when package and weights are here, or the reason why not."""
        return why_not(TASK, WEIGHTS, "the engine classical or bundle")

    def segment(self, volume: Volume, progress: Progress) -> Prediction:
        """Run the task.

        Raises
        ------
        InputError
            When package or weights are missing, or the task gives no airway.
        """
        reason = self.available()
        if reason:
            raise InputError(reason)
        labels, names = run_task(volume, TASK, progress)
        wanted = [value for value, name in names.items() if is_airway_lumen(name)]
        if not wanted:
            raise InputError(
                "The installed TotalSegmentator gives no airway in its task lung_vessels; choose the engine classical.",
                detail=f"classes {names}",
            )
        chance = np.isin(labels, wanted).astype(np.float32)
        return Prediction(chance[None], ("airway",), volume.affine_ijk_to_lps, f"TotalSegmentator {TASK}")


def is_airway_lumen(name: str) -> bool:
    """Tell whether a channel's name means the lumen of the airway."""
    low = name.lower()
    return any(word in low for word in AIRWAY_WORDS) and "wall" not in low


def choose_engine(options: SegmentOptions) -> Segmenter | None:
    """Return the network engine to run, or None for the classical one; the shipped network is chosen before, see
    :func:`.airway_network.network_for`.

    Raises
    ------
    InputError
        When an engine asked for by name is unknown or cannot run here.
    """
    bundle = None if options.bundle is None else BundleSegmenter(options.bundle, _registry(options.bundle))
    total = TotalSegmentatorSegmenter()
    if options.engine == "classical":
        return None
    if options.engine == "bundle" and bundle is not None:
        return _insist(bundle)
    if options.engine == "totalsegmentator":
        return _insist(total)
    if options.engine != "auto":
        raise InputError(
            f"The engine {options.engine!r} is unknown; choose auto, classical, bundle or totalsegmentator.",
        )
    if bundle is not None:  # a bundle that was given is meant: say what is wrong with it instead of passing over it
        return _insist(bundle)
    reason = total.available()
    if reason:
        logger.info("not used: %s", reason)
        return None
    return total


def _insist(engine: Segmenter) -> Segmenter:
    reason = engine.available()
    if reason:
        raise InputError(reason)
    return engine


def _registry(bundle: Path) -> dict[str, ModelEntry] | None:
    return registry_beside(bundle) or None


def airway_chance(prediction: Prediction) -> NDArray[np.float32]:
    """Return the airway's probability (K, J, I): the highest of the channels that mean its lumen.

    Raises
    ------
    InputError
        When no channel's name means the airway.
    """
    channels = [number for number, name in enumerate(prediction.channel_names) if is_airway_lumen(name)]
    if not channels:
        raise InputError(
            "The model does not say which of its channels is the airway.",
            detail=f"channels {', '.join(prediction.channel_names)}",
        )
    return np.asarray(prediction.probabilities[channels].max(axis=0))
