"""``slicer.packaging``: what is missing is recorded and pretended to be installed, never installed."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from packaging.requirements import Requirement

REQUESTS: list[dict[str, Any]] = []
"""Every call that would have installed something."""
PRETENDED: dict[str, bool] = {}
"""Package name to present or absent, against the facts."""
CONSENT = [True]
"""What the user answers when asked."""


def load_requirements(path: str | Path) -> list[Requirement]:
    """Return the requirements of a text file."""
    lines = [line.split("#")[0].strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def pip_check(req: Any, _seen: Any = None) -> bool:
    """Tell whether requirements are met in this environment."""
    if isinstance(req, (list, tuple)):
        return all(pip_check(one) for one in req)
    wanted = req if isinstance(req, Requirement) else Requirement(str(req))
    if wanted.marker is not None and not wanted.marker.evaluate():
        return True
    if wanted.name.lower() in PRETENDED:
        return PRETENDED[wanted.name.lower()]
    try:
        return wanted.specifier.contains(importlib.metadata.version(wanted.name), prereleases=True)
    except importlib.metadata.PackageNotFoundError:
        return False


def _listed(requirements: Any) -> list[Requirement]:
    many = [requirements] if isinstance(requirements, (str, Requirement)) else list(requirements)
    return [one if isinstance(one, Requirement) else Requirement(str(one)) for one in many]


def pip_ensure(
    requirements: Any,
    constraints: Any = None,
    skip_packages: list[str] | None = None,
    prompt_install: bool = True,
    prompt_restart: bool = True,
    requester: str | None = None,
    skip_in_testing: bool = True,
    show_progress: bool = True,
) -> list[str] | None:
    """Ask, and record what would be installed; in testing mode nothing at all, unless told otherwise.

    Raises
    ------
    RuntimeError
        If the user declines.
    """
    missing = [one for one in _listed(requirements) if not pip_check(one)]
    if not missing or (skip_in_testing and slicer.app.testingEnabled()):
        return None
    if prompt_install and not CONSENT[0]:
        raise RuntimeError("The user declined to install " + ", ".join(one.name for one in missing))
    return pip_install(missing, constraints, skip_packages=skip_packages, requester=requester)


def pip_install(
    requirements: Any,
    constraints: Any = None,
    no_deps_requirements: Any = None,
    skip_packages: list[str] | None = None,
    blocking: bool = True,
    show_progress: bool = True,
    requester: str | None = None,
    parent: Any = None,
    logCallback: Callable[[str], None] | None = None,
    completedCallback: Callable[[int], None] | None = None,
) -> list[str] | None:
    """Record, and take the packages for present from now on."""
    names = [str(one) for one in _listed(requirements)]
    REQUESTS.append({"requirements": names, "requester": requester, "skip_packages": skip_packages or []})
    PRETENDED.update({one.name.lower(): True for one in _listed(requirements)})
    if completedCallback is not None:
        completedCallback(0)
    return list(skip_packages or [])


def pip_uninstall(requirements: Any, blocking: bool = True, **_: Any) -> None:
    """Record, and take the packages for absent from now on."""
    REQUESTS.append({"uninstall": [str(one) for one in _listed(requirements)]})
    PRETENDED.update({one.name.lower(): False for one in _listed(requirements)})


def isPipInstallInProgress() -> bool:
    """Nothing is ever in progress."""
    return False
