"""What one organ's training brings: its channels, its cases, its augmentation. The rest is the same for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bank import TrainingCase

Cases = tuple[TrainingCase, ...]
Augment = Callable[[NDArray[np.float32], NDArray[np.uint8], np.random.Generator], NDArray[np.float32]]


@dataclass(frozen=True)
class Target:
    """One output channel.

    Parameters
    ----------
    channel
        Its name in the bundle.
    name
        In logs and curves.
    bit
        Of the label voxels that belong to it.
    unknown
        Bits of label voxels that are left out of its loss; those of the first target itself always count.
    meaning
        One line for the bundle's metadata.
    """

    channel: str
    name: str
    bit: int
    unknown: int
    meaning: str


@dataclass(frozen=True)
class TrainingTask:
    """An organ's training. Holds module-level functions only: processes that make batches are given it.

    Parameters
    ----------
    name
        Of the bundle's folder.
    targets
        Output channels; the first one's skeleton is to be recalled.
    spacing_mm
        The network's cubic voxels.
    window_hu
        HU mapped to 0 and 1.
    outside_hu
        What lies outside a case.
    kinds
        (kind, share): at which of a case's points patches are centred, and how often.
    turned
        Share of the augmented patches that are mirrored and turned by right angles at random.
    open_cases
        (bank folder, with real texture) -> cases.
    choose_case
        (cases, random) -> the case of the next patch.
    augment
        (HU (K, J, I), labels, random) -> changed HU; the labels stay true.
    others
        Weight of the other channels' loss against the first's.
    modernise
        (weights of an older network, fresh weights) -> weights for this network; None where there is no older one.
    """

    name: str
    targets: tuple[Target, ...]
    spacing_mm: float
    window_hu: tuple[float, float]
    outside_hu: float
    kinds: tuple[tuple[str, float], ...]
    turned: float
    open_cases: Callable[[Path, bool], Cases]
    choose_case: Callable[[Cases, np.random.Generator], TrainingCase]
    augment: Augment
    others: float = 0.25
    modernise: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]] | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the output channels."""
        return tuple(target.channel for target in self.targets)
