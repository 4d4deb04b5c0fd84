"""Packages that Slicer lacks: which engine needs which, what is here, and installing them when the user agrees.

Nothing is checked or installed at import; torch comes through the PyTorch extension only.
"""

from __future__ import annotations

import importlib.metadata
import logging
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer

from SenseCarePlanningLib.errors import SenseCareError

from .texts import tr as _

logger = logging.getLogger(__name__)

REQUESTER = "SenseCare Planning"
NEVER_REPLACED = ("SimpleITK", "torch", "vtk", "numpy", "scipy", "slicer-core")
"""Packages that Slicer or the PyTorch extension brings: another package's wish never replaces them."""


@dataclass(frozen=True)
class Package:
    """A package that some engine needs.

    Parameters
    ----------
    name
        Its distribution name.
    requirement
        As pip takes it, without an exact pin.
    purpose
        What it is for, in a few words.
    """

    name: str
    requirement: str
    purpose: str


PLANNING = (
    Package("scikit-image", "scikit-image>=0.25", "airway tree and lungs"),
    Package("pydicom", "pydicom>=3", "reading and writing DICOM"),
    Package("highdicom", "highdicom>=0.25", "DICOM segmentation"),
    Package("python-gdcm", "python-gdcm>=3.0.24", "compressed DICOM images"),
    Package("reportlab", "reportlab>=4.2", "report as PDF"),
    Package("fonttools", "fonttools>=4.50", "fonts of the report"),
    Package("Jinja2", "Jinja2>=3.1", "report as a page"),
    Package("matplotlib", "matplotlib>=3.9", "diagrams"),
    Package("Pillow", "Pillow>=10", "pictures"),
    Package("av", "av>=13", "fly-through video"),
    Package("onnxruntime", "onnxruntime>=1.20", "airway network"),
    Package("threadpoolctl", "threadpoolctl>=3.5", "linear algebra without idle threads"),
)
NETWORK = (
    Package("pynetdicom", "pynetdicom>=3", "sending to archives and printers"),
    Package("pypdfium2", "pypdfium2>=5", "film sheets as pictures"),
)
TORCH = Package("torch", "torch>=2.6", "neural networks (PyTorch extension)")
ENGINES: dict[str, tuple[Package, ...]] = {
    "classical": PLANNING,
    "network": (*PLANNING, *NETWORK),
    "bundle": (*PLANNING, TORCH, Package("monai", "monai>=1.5", "running MONAI models")),
    "totalsegmentator": (*PLANNING, TORCH, Package("TotalSegmentator", "TotalSegmentator>=2.4", "its airway model")),
}
"""What each segmentation engine, and film and network, need besides what every Slicer has."""


@dataclass(frozen=True)
class PackageStatus:
    """Whether a package is here: its version, and whether that is enough."""

    package: Package
    version: str
    enough: bool


def installed_version(name: str) -> str:
    """Return a package's version, or nothing when it is absent."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def is_enough(package: Package) -> bool:
    """Tell whether a package is here and new enough."""
    packaging = _slicer_packaging()
    if packaging is not None:
        return bool(packaging.pip_check(package.requirement))
    return _number(installed_version(package.name)) >= _number(package.requirement.partition(">=")[2])


def _slicer_packaging() -> Any:
    """Return ``slicer.packaging`` (Slicer 5.12 and newer), or None."""
    try:
        from slicer import packaging
    except ImportError:
        return None
    return packaging


def _number(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, ``2.4.6`` as (2, 4, 6); nothing for no version."""
    numbers = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)


def status(engine: str) -> list[PackageStatus]:
    """Return the state of every package that an engine needs."""
    return [PackageStatus(one, installed_version(one.name), is_enough(one)) for one in ENGINES[engine]]


def missing(engine: str) -> list[Package]:
    """Return the packages that an engine needs and that are absent or too old."""
    return [one for one in ENGINES[engine] if not is_enough(one)]


def ensure(engine: str, requester: str = REQUESTER) -> None:
    """Install what an engine lacks, after the user's yes; nothing when all is here. Call it when the user presses a button.

    Raises
    ------
    SenseCareError
        If the user declines, the PyTorch extension is absent, or a package is still missing afterwards.
    """
    lacking = missing(engine)
    if not lacking:
        return
    if TORCH in lacking:
        install_torch()
    others = [one for one in lacking if one != TORCH]
    if others:
        _install([one.requirement for one in others], requester)
    left = missing(engine)
    if left:
        raise SenseCareError(
            _("These packages are still missing: {names}; check the network and try again.").format(names=_names(left))
        )


def _install(requirements: list[str], requester: str) -> None:
    packaging = _slicer_packaging()
    if packaging is not None:
        try:
            packaging.pip_ensure(requirements, requester=requester, skip_packages=list(NEVER_REPLACED))
        except RuntimeError as error:
            raise SenseCareError(_("Nothing was installed."), detail=str(error)) from error
        return
    question = _("{requester} needs Python packages from the internet: {names}. Install them now?").format(
        requester=requester, names=", ".join(requirements)
    )
    if not slicer.util.confirmYesNoDisplay(question):
        raise SenseCareError(_("Nothing was installed."))
    _install_beside(requirements)


def _install_beside(requirements: list[str]) -> None:
    """Install with pip alone (Slicer before 5.12): what Slicer brings is held where it is, and what it hides is refused.

    Raises
    ------
    SenseCareError
        If pip fails: without network, or because a package wants another version of what must not be replaced.
    """
    held = "\n".join(_held(name) for name in NEVER_REPLACED)
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text(held + "\n", encoding="utf-8")
        for requirement in requirements:
            try:
                slicer.util.pip_install([requirement, "--constraint", str(constraints)])
            except (subprocess.CalledProcessError, RuntimeError) as error:
                raise SenseCareError(
                    _(
                        "{name} could not be installed beside Slicer's own packages; check the network, or take a newer Slicer."
                    ).format(name=requirement),
                    detail=str(error),
                ) from error


def _held(name: str) -> str:
    """Return the constraint that keeps a package as it is; one without a record of its version is not to be installed at all."""
    version = installed_version(name)
    return f"{name}=={version}" if version else f"{name}<0"


def install_torch() -> None:
    """Let the PyTorch extension install torch; it asks the user.

    Raises
    ------
    SenseCareError
        If the extension is absent or the user declines.
    """
    try:
        import PyTorchUtils
    except ImportError as error:
        raise SenseCareError(
            _("Networks need the PyTorch extension: install it in the Extensions Manager and start Slicer again.")
        ) from error
    version = TORCH.requirement.partition("torch")[2]
    if PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=True, torchVersionRequirement=version) is None:
        raise SenseCareError(_("PyTorch was not installed; the classical engine works without it."))


def _names(packages: Iterable[Package]) -> str:
    return ", ".join(one.name for one in packages)
