"""The networks that come with the organs' modules: which form of one runs here."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from .bundle import BundleSegmenter
from .device import choose_device
from .onnx import OnnxSegmenter
from .protocol import PatchSegmenter
from .registry import registry_beside


def shipped_network(folder: Path, absent: str) -> tuple[PatchSegmenter | None, str]:
    """Return the runner of a network that comes with a module: torch on a GPU, the ONNX form on a CPU.

    Parameters
    ----------
    folder
        Of the bundle.
    absent
        The reason where it is not there or no list beside it knows it.

    Returns
    -------
    network, reason
        None, and why, where it cannot run here.
    """
    registry = registry_beside(folder)
    if folder.name not in registry:
        return None, absent
    torch_form, onnx_form = BundleSegmenter(folder, registry), OnnxSegmenter(folder, registry)
    if importlib.util.find_spec("torch") is not None and torch_form.available() is None and choose_device() != "cpu":
        return torch_form, ""
    reason = onnx_form.available()
    if reason is None:
        return onnx_form, ""
    return (torch_form, "") if torch_form.available() is None else (None, reason)
