"""What every segmentation engine offers, whatever is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..geometry import FloatArray
from ..progress import Progress
from ..volume import Volume


@dataclass(frozen=True, eq=False)
class Prediction:
    """What an engine found.

    Parameters
    ----------
    probabilities
        (C, K, J, I) float32, 0 to 1, on the grid of the volume that was given.
    channel_names
        Meaning of each channel.
    affine_ijk_to_lps
        (4, 4) of that grid.
    detail
        One line for the report: model, version, device.
    """

    probabilities: NDArray[np.float32]
    channel_names: tuple[str, ...]
    affine_ijk_to_lps: FloatArray
    detail: str = ""


class Segmenter(Protocol):
    """An engine that segments a volume."""

    @property
    def name(self) -> str:
        """Short name for logs and reports."""

    def available(self) -> str | None:
        """Return None when the engine can run here, or the reason why it cannot, as a sentence."""

    def segment(self, volume: Volume, progress: Progress) -> Prediction:
        """Segment a volume; raises InputError when the engine is not available."""


class PatchSegmenter(Protocol):
    """A network's runner that can leave out patches: the two forms of a bundle."""

    def segment(self, volume: Volume, progress: Progress, wanted: NDArray[np.bool_] | None = None) -> Prediction:
        """Segment a volume; patches without a true voxel of ``wanted`` (K, J, I) are not run and count as 0."""
