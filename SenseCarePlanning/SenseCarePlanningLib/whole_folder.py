"""Results appear whole or not at all: written beside their place, moved into it at the end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from .console import disarm
from .errors import InputError, SenseCareError

MANIFEST = ".sensecare.json"
"""Lists what we wrote into a folder; only a folder that holds nothing else may be replaced."""

PROGRAM = "SenseCare Planning"
SIGNED = "reader_changes.json"
"""What readers changed in a result, signed: a result that holds it is replaced only by one that keeps it."""
NAMED_FILES = 3
"""So many files in the way are named."""


def check_output_folder(folder: Path, inputs: Iterable[Path | None] = (), keeps_signed: bool = False) -> Path:
    """Refuse a place that cannot take results, before any work is done.

    Parameters
    ----------
    folder
        Where the results shall lie: absent, empty, or an earlier result of ours that nothing was added to.
    inputs
        What the work reads, and must not be replaced by its results.
    keeps_signed
        The results keep what readers changed in the earlier one.

    Returns
    -------
    Path
        The absolute folder.

    Raises
    ------
    InputError
        When something else is there, an input or a reader's changes, or the place cannot be written.
    """
    if not str(folder).strip() or str(folder) == ".":
        raise InputError("Name a folder of its own for the results.")
    folder = folder.expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"The output {folder.name} is a file; name a folder.")
    for path in inputs:
        if path is not None and folder.resolve() in (path := path.expanduser().resolve(), *path.parents):
            raise InputError(
                f"The output folder {folder.name} holds the input {path.name}, which the results would replace; name another."
            )
    if not keeps_signed and (folder / SIGNED).exists():
        raise InputError(
            f"The output folder {folder.name} holds a result with a reader's signed changes and is left as it is; name another."
        )
    foreign = list(islice(_foreign_files(folder), NAMED_FILES + 1))  # no more: the folder may be a whole disk
    if foreign:
        named = ", ".join(foreign[:NAMED_FILES]) + (", ..." if len(foreign) > NAMED_FILES else "")
        raise InputError(
            f"The output folder {folder.name} holds other files ({named}) and is left as it is; name an empty or a new folder."
        )
    ancestor = folder.parent
    while not ancestor.exists():
        ancestor = ancestor.parent
    try:
        with tempfile.TemporaryDirectory(dir=ancestor):
            pass
    except OSError as error:
        raise InputError(f"The output folder {folder.name} cannot be written: {error.strerror}.") from error
    return folder


def _foreign_files(folder: Path) -> Iterator[str]:
    """Name what lies in a folder that we did not write there, one after the other."""
    if not folder.is_dir():
        return
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        ours = set(manifest["files"]) if manifest["program"] == PROGRAM else set()
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    yield from (name for name in _files_in(folder) if name not in ours and name != MANIFEST)


def count_as_ours(folder: Path, name: str) -> None:
    """List a file that was added to a finished result later, so that the result can still be replaced.

    Nothing happens in a folder that is no result of ours.

    Raises
    ------
    OSError
        When the list cannot be written.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        ours = sorted({*manifest["files"], name}) if manifest["program"] == PROGRAM else None
    except (OSError, ValueError, KeyError, TypeError):
        ours = None
    if ours is None:
        return
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps({**manifest, "files": ours}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(scratch, path)


def _files_in(folder: Path) -> Iterator[str]:
    """Name the files below a folder, its own before those of its folders, without following links."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in sorted([*files, *links]):
            yield (Path(place) / name).relative_to(folder).as_posix()


@contextmanager
def whole_folder(folder: Path, keeps_signed: bool = False) -> Iterator[Path]:
    """Give a scratch folder that takes the place of ``folder`` when the block ends well, and vanishes when it does not.

    Parameters
    ----------
    keeps_signed
        As in :func:`check_output_folder`.

    Raises
    ------
    InputError
        As :func:`check_output_folder`.
    SenseCareError
        When the finished folder cannot be moved into place, or the disk is full.
    """
    folder = check_output_folder(folder, keeps_signed=keeps_signed)
    made = [parent for parent in reversed(folder.parents) if not parent.exists()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name[:40]}-", dir=folder.parent))
    done = False
    try:
        yield scratch
        manifest = {"program": PROGRAM, "files": sorted(_files_in(scratch))}
        (scratch / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        scratch.chmod(0o755)
        check_output_folder(folder, keeps_signed=keeps_signed)
        with _undisturbed():
            _swap(scratch, folder)
        done = True
    except OSError as error:
        raise SenseCareError(
            f"The results could not be written ({error.strerror or type(error).__name__}); nothing was kept. "
            "Free some disk space and try again."
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        for parent in reversed(made) if not done else ():
            with suppress(OSError):
                parent.rmdir()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no request to stop come between the renames: it comes too late, the results are complete."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    disarm()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _swap(scratch: Path, folder: Path) -> None:
    if not folder.exists():
        scratch.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name[:40]}-old-", dir=folder.parent))
    folder.rename(old / folder.name)
    try:
        scratch.rename(folder)
    except OSError:
        (old / folder.name).rename(folder)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
