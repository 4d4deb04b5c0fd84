"""The command that every front end starts for heavy work: ``python <...>/SenseCarePlanningLib airway CT --out DIR``."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def _find_packages() -> None:
    """Put this package's folder and the organs' module folders on the path.

    Started by path (the Slicer desktop's Python knows no additional module paths), nothing else would find them. Installed,
    all packages lie in one folder; from source, each organ has its own beside ours.
    """
    home = Path(__file__).resolve().parents[1]
    folders = [home, *sorted(folder.parent for folder in home.parent.glob("*/*Lib") if folder.is_dir())]
    # Started by path, Python put the package folder itself first, where ``volume`` or ``report`` would shadow other modules.
    package = str(Path(__file__).resolve().parent)
    sys.path[:] = [entry for entry in sys.path if entry != package]
    for folder in folders:
        if str(folder) not in sys.path:
            sys.path.append(str(folder))


if __name__ == "__main__":
    _find_packages()
    # Many small systems are solved: on a busy machine the threads of the linear algebra mostly wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from SenseCarePlanningLib.cli import main

    sys.exit(main())
