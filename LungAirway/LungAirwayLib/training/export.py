"""Write a trained network as a MONAI bundle, with its ONNX form."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from SenseCarePlanningLib.inference.bundle import build_network

from .bank import SPACING_MM
from .checkpoint import load_checkpoint
from .network import CHANNELS, network_definition
from .sampling import WINDOW_HU

logger = logging.getLogger(__name__)

PATCH = 144
OVERLAP = 0.15
DIVISOR = 16
TITLE = "SenseCare airway CT"
VERSION = "0.3.0"
MEANING = {"airway_lumen": "lumen of trachea and bronchi", "airway_wall": "bronchial wall", "lung_vessel": "vessels of the lungs"}


def write_bundle(checkpoint: Path, folder: Path, training: Mapping[str, Any]) -> None:
    """Write ``configs``, ``models/model.pt`` and ``models/model.onnx``; the model card is written by people.

    Parameters
    ----------
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
    definition = network_definition(filters)
    network = build_network(definition)
    network.load_state_dict(state["model"])
    network.eval()
    weights = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    torch.save(weights, folder / "models" / "model.pt")
    write_onnx(network, folder / "models" / "model.onnx")
    _write_json(folder / "configs" / "metadata.json", _metadata())
    _write_json(folder / "configs" / "inference.json", {"network_def": definition, "overlap": OVERLAP})
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


def _metadata() -> dict[str, Any]:
    channels = {str(number): name for number, name in enumerate(CHANNELS)}
    return {
        "name": TITLE,
        "version": VERSION,
        "task": "Airway lumen, airway wall and lung vessels on chest CT",
        "description": "A small U-Net at half the resolution of 0.7 mm voxels, a last look at the full one; see docs/README.md.",
        "authors": "SenseCare Planning",
        "copyright": "Apache-2.0",
        "intended_use": "Research on bronchoscopy planning; not a medical device.",
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": "hounsfield",
                    "modality": "CT",
                    "num_channels": 1,
                    "spatial_shape": [PATCH] * 3,
                    "patch_size": [PATCH] * 3,
                    "patch_divisor": DIVISOR,
                    "dtype": "float32",
                    "value_range": [0, 1],
                    "value_range_hu": list(WINDOW_HU),
                    "spacing": [SPACING_MM] * 3,
                    "is_patch_data": True,
                    "channel_def": {"0": "image"},
                }
            },
            "outputs": {
                "pred": {
                    "type": "image",
                    "format": "segmentation",
                    "num_channels": len(CHANNELS),
                    "spatial_shape": [PATCH] * 3,
                    "dtype": "float32",
                    "value_range": [0, 1],
                    "is_patch_data": True,
                    "softmax": False,
                    "channel_def": channels,
                    "channel_meaning": MEANING,
                }
            },
        },
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
