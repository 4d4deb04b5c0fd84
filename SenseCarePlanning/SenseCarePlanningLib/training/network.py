"""The network: a small U-Net that works at half the resolution, and a last look at the voxels themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError

Modernise = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]
FILTERS = (24, 48, 64, 96)
RETURNED = 7
"""Channels that the U-Net hands back to the full resolution; with the image they are eight, half of a processor's block."""
LOOKED_AT = 16
"""Channels of the last look: one block of a processor's vector instructions."""


def network_definition(filters: tuple[int, ...], channels: int) -> dict[str, Any]:
    """Return the network with one image in and ``channels`` logits out as a MONAI bundle defines it: plain data.

    A convolution with stride 2 takes every block of eight voxels to ``filters[0]`` channels (nothing is lost: there are
    more channels than voxels), a U-Net (MONAI's DynUNet, after Isensee 2021, doi:10.1038/s41592-020-01008-z) works
    there, and a transposed convolution returns to the voxels. There one convolution sees its answer and the image side by
    side: where a thin lumen ends is decided at the full resolution. Processors run channels in blocks of 16: this costs half
    of the time of a U-Net with 8 channels at the full resolution and has more to say.
    """
    first, depth = filters[0], len(filters)
    act = ["relu", {"inplace": True}]
    coarse: list[dict[str, Any]] = [
        {
            "_target_": "torch.nn.Conv3d",
            "in_channels": 1,
            "out_channels": first,
            "kernel_size": 4,
            "stride": 2,
            "padding": 1,
            "bias": False,
        },
        {"_target_": "torch.nn.BatchNorm3d", "num_features": first},
        {"_target_": "torch.nn.ReLU", "inplace": True},
        {
            "_target_": "monai.networks.nets.DynUNet",
            "spatial_dims": 3,
            "in_channels": first,
            "out_channels": first,
            "kernel_size": [3] * depth,
            "strides": [1, *([2] * (depth - 1))],
            "upsample_kernel_size": [2] * (depth - 1),
            "filters": list(filters),
            "norm_name": ["BATCH", {"momentum": 0.05}],
            "act_name": act,
        },
        {
            "_target_": "torch.nn.ConvTranspose3d",
            "in_channels": first,
            "out_channels": RETURNED,
            "kernel_size": 4,
            "stride": 2,
            "padding": 1,
        },
    ]
    return {
        "_target_": "torch.nn.Sequential",
        "_args_": [
            {
                "_target_": "monai.networks.layers.SkipConnection",
                "submodule": {"_target_": "torch.nn.Sequential", "_args_": coarse},
                "mode": "cat",
            },
            {
                "_target_": "torch.nn.Conv3d",
                "in_channels": 1 + RETURNED,
                "out_channels": LOOKED_AT,
                "kernel_size": 3,
                "padding": 1,
            },
            {"_target_": "torch.nn.ReLU", "inplace": True},
            {"_target_": "torch.nn.Conv3d", "in_channels": LOOKED_AT, "out_channels": channels, "kernel_size": 1},
        ],
    }


def make_network(filters: tuple[int, ...], channels: int, seed: int) -> Any:
    """Return the network with weights drawn from ``seed``; all that it looks for begins as rare."""
    import torch

    from ..inference.bundle import build_network

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build_network(network_definition(filters, channels))
    with torch.no_grad():
        network[-1].bias.fill_(-3.0)
    return network


def load_weights(network: Any, bundle: Path, modernise: Modernise | None = None) -> None:
    """Put a bundle's weights into the network.

    Parameters
    ----------
    modernise
        See :class:`.task.TrainingTask`.

    Raises
    ------
    InputError
        When the folder is no bundle, its file is no weights, or they are of another network.
    """
    import pickle

    import torch

    from ..inference.bundle_config import read_bundle

    config = read_bundle(bundle)
    try:
        state = torch.load(config.weights, map_location="cpu", weights_only=True)
        network.load_state_dict(state if modernise is None else modernise(state, network.state_dict()))
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"The weights of {bundle.name} are damaged or of another network; training cannot start from them.",
            detail=str(error)[:300],
        ) from error
