"""The loss: overlap and cross-entropy for every channel, and recall of the lumen's skeleton."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .bank import IGNORE, LUMEN, LUMEN_ONLY, SKELETON, VESSEL, WALL

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
        Of wall and vessels against the lumen.
    """

    topology: float = 1.0
    others: float = 0.25


def airway_loss(logits: Any, labels: Any, options: LossOptions) -> tuple[Any, dict[str, Any]]:
    """Return the loss and its parts.

    Parameters
    ----------
    logits
        (N, 3, K, J, I): lumen, wall, vessel.
    labels
        (N, K, J, I) uint8 label bits; IGNORE voxels count nowhere, LUMEN_ONLY voxels not for wall and vessel.
    """
    import torch

    known = (labels & IGNORE) == 0
    lumen_known = known | ((labels & LUMEN) > 0)
    others_known = known & ((labels & LUMEN_ONLY) == 0)
    parts: dict[str, Any] = {}
    total = torch.zeros((), device=logits.device)
    for channel, (name, bit, valid, weight) in enumerate(
        (
            ("lumen", LUMEN, lumen_known, 1.0),
            ("wall", WALL, others_known, options.others),
            ("vessel", VESSEL, others_known, options.others),
        )
    ):
        truth, mask = ((labels & bit) > 0).float(), valid.float()
        values = logits[:, channel].float()
        entropy = torch.nn.functional.binary_cross_entropy_with_logits(values, truth, reduction="none")
        parts[f"{name}_entropy"] = (entropy * mask).sum() / mask.sum().clamp(min=1.0)
        chance = torch.sigmoid(values) * mask
        parts[f"{name}_overlap"] = _overlap_loss(chance, truth * mask)
        total = total + weight * (parts[f"{name}_entropy"] + parts[f"{name}_overlap"])
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
