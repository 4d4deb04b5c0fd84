"""In a fresh Slicer the panels open before anything was installed: what they import needs only packages that Slicer brings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LACKED = (
    "skimage", "highdicom", "reportlab", "av", "matplotlib", "jinja2", "fontTools", "gdcm", "onnxruntime", "torch", "monai",
    "pynetdicom", "pypdfium2",
)  # fmt: skip
SCRIPT = """
import importlib, sys
from unittest.mock import MagicMock
lacked = set(sys.argv[3:])
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in lacked:
            raise ImportError(f"{name} is not in a fresh Slicer")
sys.meta_path.insert(0, Refuse())
sys.path[:0] = sys.argv[1].split(":")
for name in ("qt", "ctk", "slicer", "slicer.util", "slicer.i18n", "slicer.parameterNodeWrapper", "slicer.ScriptedLoadableModule"):
    sys.modules[name] = MagicMock()
importlib.import_module(sys.argv[2])
"""
WIDGETS = [
    f"{folder.name}.{path.stem}"
    for folder in (ROOT / "LungAirway" / "LungAirwayWidgets", ROOT / "SenseCarePlanning" / "SenseCarePlanningWidgets")
    for path in sorted(folder.glob("*.py"))
    if path.stem != "__init__"
]


@pytest.mark.parametrize("module", WIDGETS)
def test_a_panel_is_imported_without_what_slicer_lacks(module: str) -> None:
    paths = f"{ROOT / 'SenseCarePlanning'}:{ROOT / 'LungAirway'}"
    done = subprocess.run([sys.executable, "-c", SCRIPT, paths, module, *LACKED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1500:]
