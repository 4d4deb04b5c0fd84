"""Which processor a network runs on."""

from __future__ import annotations

from ..errors import InputError


def choose_device(wanted: str = "auto") -> str:
    """Return "cuda", "mps" or "cpu".

    Parameters
    ----------
    wanted
        "auto" takes the first that is present; a name insists on it.

    Raises
    ------
    InputError
        When the device asked for is unknown or not present.
    """
    import torch

    present = ["cpu"]
    if torch.backends.mps.is_available():
        present.insert(0, "mps")
    if torch.cuda.is_available():
        present.insert(0, "cuda")
    if wanted == "auto":
        return present[0]
    if wanted not in present:
        raise InputError(f"The device {wanted!r} is not present on this machine; choose one of {', '.join(present)} or auto.")
    return wanted
