"""Write a trained network as a MONAI bundle, with its ONNX form."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..inference.bundle import build_network
from .checkpoint import load_checkpoint
from .network import network_definition
from .task import TrainingTask

logger = logging.getLogger(__name__)

DIVISOR = 16
"""Of a patch's edge: the network halves it up to four times."""


@dataclass(frozen=True)
class BundleText:
    """What a bundle's metadata say and how it is run.

    Parameters
    ----------
    title, version, task, description, intended_use
        For readers.
    patch, overlap
        Edge of the cubic patches in voxels, and the share of it by which neighbours overlap.
    """

    title: str
    version: str
    task: str
    description: str
    intended_use: str
    patch: int
    overlap: float


def write_bundle(task: TrainingTask, text: BundleText, checkpoint: Path, folder: Path, training: Mapping[str, Any]) -> None:
    """Write ``configs``, ``models/model.pt`` and ``models/model.onnx``; the model card is written by people.

    Parameters
    ----------
    task, text
        Whose network it is, and what is said about it.
    checkpoint
        Of :func:`~.loop.train`; its averaged weights are taken.
    folder
        The bundle; files of the same names are replaced.
    training
        What ``configs/train.json`` records of the run.

    Raises
    ------
    InputError
        When the checkpoint is damaged.
    """
    import torch

    state = load_checkpoint(checkpoint)
    filters = tuple(int(part) for part in state["filters"])
    for name in ("configs", "models", "docs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    definition = network_definition(filters, len(task.targets))
    network = build_network(definition)
    network.load_state_dict(state["model"])
    network.eval()
    weights = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    torch.save(weights, folder / "models" / "model.pt")
    write_onnx(network, folder / "models" / "model.onnx")
    _write_json(folder / "configs" / "metadata.json", _metadata(task, text))
    _write_json(folder / "configs" / "inference.json", {"network_def": definition, "overlap": text.overlap})
    _write_json(folder / "configs" / "train.json", {"step": int(state["step"]), **training})


def write_onnx(network: Any, path: Path) -> None:
    """Write the ONNX form of a network with one image (1, 1, K, J, I) in and logits out; the image's size stays free."""
    import torch

    example = torch.zeros(1, 1, 32, 32, 32)
    free = {0: "batch", 2: "k", 3: "j", 4: "i"}
    torch.onnx.export(
        network,
        (example,),
        str(path),
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": free, "logits": free},
        opset_version=17,
        dynamo=False,
    )


def _metadata(task: TrainingTask, text: BundleText) -> dict[str, Any]:
    return {
        "name": text.title,
        "version": text.version,
        "task": text.task,
        "description": text.description,
        "authors": "SenseCare Planning",
        "copyright": "Apache-2.0",
        "intended_use": text.intended_use,
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": "hounsfield",
                    "modality": "CT",
                    "num_channels": 1,
                    "spatial_shape": [text.patch] * 3,
                    "patch_size": [text.patch] * 3,
                    "patch_divisor": DIVISOR,
                    "dtype": "float32",
                    "value_range": [0, 1],
                    "value_range_hu": list(task.window_hu),
                    "spacing": [task.spacing_mm] * 3,
                    "is_patch_data": True,
                    "channel_def": {"0": "image"},
                }
            },
            "outputs": {
                "pred": {
                    "type": "image",
                    "format": "segmentation",
                    "num_channels": len(task.targets),
                    "spatial_shape": [text.patch] * 3,
                    "dtype": "float32",
                    "value_range": [0, 1],
                    "is_patch_data": True,
                    "softmax": False,
                    "channel_def": {str(number): name for number, name in enumerate(task.channels)},
                    "channel_meaning": {target.channel: target.meaning for target in task.targets},
                }
            },
        },
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
