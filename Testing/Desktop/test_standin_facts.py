"""The stand-in's facts agree with what was read in Slicer's sources, and the modules use nothing that is not there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import make_facts
import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT.parent / "shared" / "desktop-api"
needs_source = pytest.mark.skipif(not SOURCE.is_dir(), reason="the desktop-api folder is not beside the checkout")


def test_every_emulated_member_is_a_fact():
    pytest.importorskip("slicer", reason="the slicer-core wheel is not installed")
    pytest.importorskip("PySide6", reason="PySide6 is not installed")
    from standin import facts, install
    from standin.emulation import CTK, SLICER

    assert install.LOADED
    for name, made in {**CTK, **SLICER}.items():
        assert facts.CLASSES[name].get("qobject"), name
        bases, base = {one.__name__ for one in made.__mro__}, facts.CLASSES[name]["base"]
        assert base in bases or base in {"ctkLayoutFactory", "qMRMLAbstractViewWidget"}, (name, base)


def test_every_property_of_an_emulated_class_can_be_read(desktop):
    from standin import facts
    from standin.emulation import CTK, SLICER
    from standin.wrapping import wrap

    for name in ("ctkSliderWidget", "ctkPathLineEdit", "ctkCollapsibleButton", "ctkRangeWidget", "qMRMLNodeComboBox"):
        made = {**CTK, **SLICER}[name]()
        for key in facts.CLASSES[name]["props"]:
            getattr(wrap(made), key)


@pytest.mark.data
@needs_source
def test_the_facts_are_those_of_the_sources():
    assert make_facts.FACTS.read_text(encoding="utf-8") == make_facts.text_of(make_facts.build(SOURCE))


@pytest.mark.data
@needs_source
@pytest.mark.parametrize("version", ["5", "6"])
@pytest.mark.parametrize("folder", ["SenseCarePlanning", "LungAirway", "CardiacCTA"])
def test_the_linter_finds_no_error(folder, version, tmp_path):
    module = ROOT / folder / f"{folder}.py"
    if not module.is_file():
        pytest.skip(f"{folder} has no desktop module yet")
    report = tmp_path / "report.json"
    command = [sys.executable, str(SOURCE / "lint_desktop_api.py"), str(ROOT / folder), "--qt", version, "--errors-only"]
    done = subprocess.run([*command, "--json", str(report)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(report.read_text(encoding="utf-8")) is not None
