"""The loss: overlap and cross-entropy for every channel, and recall of the first one's skeleton."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .bank import SKELETON

if TYPE_CHECKING:
    from .task import Target

SMOOTH = 20.0
"""Voxels added to both sides of the overlap, so that a patch without a structure asks for few voxels, not for none."""


@dataclass(frozen=True)
class LossOptions:
    """Weights of the parts.

    Parameters
    ----------
    topology
        Of the skeleton's recall (Kirchhoff 2024, arXiv:2404.03010); 0 switches it off.
    others
        Of the other channels against the first.
    """

    topology: float = 1.0
    others: float = 0.25


def channel_loss(targets: tuple[Target, ...], logits: Any, labels: Any, options: LossOptions) -> tuple[Any, dict[str, Any]]:
    """Return the loss and its parts.

    Parameters
    ----------
    targets
        C of them, in the order of the channels.
    logits
        (N, C, K, J, I).
    labels
        (N, K, J, I) uint8 label bits; voxels of unknown truth count nowhere.
    """
    import torch

    parts: dict[str, Any] = {}
    total = torch.zeros((), device=logits.device)
    for channel, target in enumerate(targets):
        own = (labels & target.bit) > 0
        known = (labels & target.unknown) == 0
        mask = (known | own if channel == 0 else known).float()
        truth, weight = own.float(), 1.0 if channel == 0 else options.others
        values = logits[:, channel].float()
        entropy = torch.nn.functional.binary_cross_entropy_with_logits(values, truth, reduction="none")
        parts[f"{target.name}_entropy"] = (entropy * mask).sum() / mask.sum().clamp(min=1.0)
        chance = torch.sigmoid(values) * mask
        parts[f"{target.name}_overlap"] = _overlap_loss(chance, truth * mask)
        total = total + weight * (parts[f"{target.name}_entropy"] + parts[f"{target.name}_overlap"])
        if channel == 0 and options.topology > 0:
            middle = ((labels & SKELETON) > 0).float() * mask
            parts["skeleton"] = 1.0 - ((chance * middle).sum() + SMOOTH) / (middle.sum() + SMOOTH)
            total = total + options.topology * parts["skeleton"]
    return total, parts


def _overlap_loss(chance: Any, truth: Any) -> Any:
    """One minus the Dice overlap, patch by patch."""
    axes = (1, 2, 3)
    both = 2.0 * (chance * truth).sum(axes) + SMOOTH
    return (1.0 - both / (chance.sum(axes) + truth.sum(axes) + SMOOTH)).mean()
