"""Importing the report costs nothing heavy: the PDF library is loaded by the first PDF, not before."""

from __future__ import annotations

import os
import subprocess
import sys


def test_the_report_module_loads_no_heavy_package() -> None:
    code = (
        "import sys, LungAirwayLib.report; "
        "print(sorted({'reportlab', 'matplotlib', 'jinja2', 'PIL', 'fontTools', 'torch', 'av'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"
