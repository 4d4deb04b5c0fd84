"""How a result came about: engine, versions, options, input geometry, steps. The same for every organ; no patient identity."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version

from . import __version__
from .progress import Progress, StepRecord
from .volume import Grid, Volume

PACKAGES = ("numpy", "scipy", "scikit-image", "SimpleITK", "vtk", "slicer-core", "pydicom", "highdicom", "torch", "monai")


@dataclass(frozen=True)
class EngineInfo:
    """Which engine and model made the segmentation."""

    name: str
    model: str
    version: str
    detail: str = ""


@dataclass(frozen=True)
class RunInfo:
    """How the result came about: versions, options, input geometry, seconds and memory of each step. No identity."""

    versions: dict[str, str]
    options: dict[str, str]
    input_geometry: dict[str, object]
    steps: tuple[StepRecord, ...] = ()
    created: str = ""

    def with_steps(self, progress: Progress) -> RunInfo:
        """Return the record with the run's seconds and memory brought up to date."""
        return replace(self, steps=tuple(progress.records))


def run_info(grid: Grid, volume: Volume | None, options: Mapping[str, str], progress: Progress) -> RunInfo:
    """Return the record of a run that ends now.

    Parameters
    ----------
    grid, volume
        Of the input; the volume's acquisition is recorded where there is a volume.
    options
        What the user chose, in words that hold no identity.
    """
    versions = {"SenseCare Planning": __version__, "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = package_version(package)
        except PackageNotFoundError:
            continue
    geometry: dict[str, object] = {
        "shape_kji": list(grid.shape_kji),
        "spacing_ijk_mm": [round(float(value), 6) for value in grid.spacing_ijk_mm],
        "affine_ijk_to_lps": grid.affine_ijk_to_lps.tolist(),
    }
    if volume is not None:
        geometry["acquisition"] = {name: value for name, value in vars(volume.acquisition).items() if value is not None}
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return RunInfo(versions, dict(options), geometry, tuple(progress.records), created)
