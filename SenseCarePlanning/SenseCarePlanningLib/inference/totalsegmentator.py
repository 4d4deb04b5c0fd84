"""TotalSegmentator where it is installed with its weights (Wasserthal 2023, doi:10.1148/ryai.230024); never downloads anything.

Only its openly licensed tasks are meant here. Tasks with a licence of their own, such as ``heartchambers_highres`` and
``coronary_arteries``, are free for non-commercial use only and are not called.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import Progress
from ..volume import Volume

OPEN_TASKS = ("total", "lung_vessels")


def why_not(task: str, weights: Sequence[str], instead: str) -> str | None:
    """Return None when package and weights are here, or a sentence why not.

    Parameters
    ----------
    weights
        Patterns of the folders of weights that the task needs; none of them may be missing, for then it would download them.
    instead
        What the user can choose instead, in words.
    """
    if importlib.util.find_spec("totalsegmentator") is None:
        return f"TotalSegmentator is not installed; install it, or choose {instead}."
    folder = weights_folder()
    if not all(any(folder.glob(pattern)) for pattern in weights):
        return f"TotalSegmentator's weights for {task} are not on this machine; download them with TotalSegmentator first."
    return None


def run_task(
    volume: Volume, task: str, progress: Progress, structures: Sequence[str] | None = None
) -> tuple[NDArray[np.generic], dict[int, str]]:
    """Run one task.

    Parameters
    ----------
    structures
        Names to look for only; None for all of the task.

    Returns
    -------
    tuple
        (K, J, I) labels on the volume's grid, and the name of each label.

    Raises
    ------
    InputError
        When the task is none of :data:`OPEN_TASKS`.
    """
    if task not in OPEN_TASKS:
        raise InputError(f"The task {task} of TotalSegmentator is not used: it is not openly licensed.")
    import nibabel  # type: ignore[import-not-found,unused-ignore]
    from totalsegmentator.map_to_binary import class_map  # type: ignore[import-not-found,unused-ignore]
    from totalsegmentator.python_api import totalsegmentator  # type: ignore[import-not-found,unused-ignore]

    progress.update(0.0)
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine_ijk_to_lps
    image = nibabel.Nifti1Image(np.ascontiguousarray(volume.array_kji.T).astype(np.float32), ras)
    subset = {} if structures is None else {"roi_subset": list(structures)}
    with _silent_and_private():
        found = totalsegmentator(image, None, task=task, ml=True, quiet=True, **subset)
    return np.asarray(found.dataobj).T, {int(value): str(name) for value, name in class_map[task].items()}


def weights_folder() -> Path:
    """Return where TotalSegmentator keeps its weights."""
    if own := os.environ.get("TOTALSEG_WEIGHTS_PATH"):
        return Path(own)
    home = os.environ.get("TOTALSEG_HOME_DIR")
    return (Path(home) if home else Path.home() / ".totalsegmentator") / "nnunet" / "results"


@contextmanager
def _silent_and_private() -> Iterator[None]:
    """Send no usage statistics meanwhile, and keep what TotalSegmentator prints out of our standard output."""
    from totalsegmentator.config import (  # type: ignore[import-not-found,unused-ignore]
        get_config_key,
        set_config_key,
        setup_totalseg,
    )

    setup_totalseg()
    allowed = get_config_key("send_usage_stats")
    set_config_key("send_usage_stats", False)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        set_config_key("send_usage_stats", allowed)
