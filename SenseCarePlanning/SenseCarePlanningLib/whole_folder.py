"""Results appear whole or not at all: written beside their place, moved into it at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError, SenseCareError

MARKER = "run.json"
"""A folder that holds this file is a result of ours and may be replaced."""


def check_output_folder(folder: Path, marker: str = MARKER) -> Path:
    """Refuse a place that cannot take results, before any work is done.

    Parameters
    ----------
    folder
        Where the results shall lie: absent, empty, or an earlier result (it holds ``marker``).

    Returns
    -------
    Path
        The absolute folder.

    Raises
    ------
    InputError
        When something else is there, or the place cannot be written.
    """
    folder = folder.expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"The output {folder.name} is a file; name a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / marker).is_file():
        raise InputError(
            f"The output folder {folder.name} holds other files and is left as it is; name an empty or a new folder."
        )
    ancestor = folder
    while not ancestor.exists():
        ancestor = ancestor.parent
    try:
        with tempfile.TemporaryDirectory(dir=ancestor if ancestor != folder else folder.parent):
            pass
    except OSError as error:
        raise InputError(f"The output folder {folder.name} cannot be written: {error.strerror}.") from error
    return folder


@contextmanager
def whole_folder(folder: Path, marker: str = MARKER) -> Iterator[Path]:
    """Give a scratch folder that takes the place of ``folder`` when the block ends well, and vanishes when it does not.

    Raises
    ------
    InputError
        As :func:`check_output_folder`.
    SenseCareError
        When the finished folder cannot be moved into place, or the disk is full.
    """
    folder = check_output_folder(folder, marker)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield scratch
        scratch.chmod(0o755)
        _swap(scratch, folder)
    except OSError as error:
        raise SenseCareError(
            f"The results could not be written ({error.strerror or type(error).__name__}); nothing was kept. "
            "Free some disk space and try again."
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _swap(scratch: Path, folder: Path) -> None:
    if not folder.exists():
        scratch.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    folder.rename(old / folder.name)
    try:
        scratch.rename(folder)
    except OSError:
        (old / folder.name).rename(folder)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
