"""Slicer's console: the recipes of the documentation run as they stand, on a CT named as Slicer does it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from airway_patient import ROOT, add_ct

pytestmark = pytest.mark.slow
CT_NAME = "1: Simulated chest CT"
"""Slicer names a volume from its DICOM database by the series' number and description."""


def recipes():
    """Return the Python recipes for Slicer's console: what stands above each, and its text."""
    page = (ROOT / "Resources" / "Docs" / "LungAirway.md").read_text(encoding="utf-8")
    section = page.split("## From Slicer's Python console")[1].split("\n## ")[0]
    return dict(re.findall(r"\*\*(.+?)\*\*\n\n```python\n(.+?)```", section, flags=re.DOTALL))


@pytest.fixture
def console(desktop, airway_patient):
    """The module with a CT as Slicer loads it; runs a recipe for the test's small patient and returns its names."""
    import slicer

    desktop.load_module("LungAirway")
    volume = add_ct(desktop.scene, airway_patient, CT_NAME)

    def run(text):
        text, places = re.subn(r"\(54\.3, -51\.0, -76\.3\)", repr(airway_patient.target_ras), text)
        assert places == 1
        names = {"slicer": slicer}
        exec(compile(text, "recipe", "exec"), names)
        return names

    run.volume = volume
    return run


def test_there_are_three_recipes():
    assert list(recipes()) == ["One case", "A batch of cases to a table", "Your own segmentation of the airway"]


def test_one_case(console, airway_plan, capsys):
    from LungAirwayLib.result_io import load_result

    result, wanted = console(recipes()["One case"])["result"], load_result(airway_plan)
    assert type(result) is type(wanted)
    assert len(capsys.readouterr().out.splitlines()) == len(result.plan.routes) > 0


def test_a_batch_of_cases_to_a_table(console):
    names = console(recipes()["A batch of cases to a table"])
    rows = (Path.home() / "routes.csv").read_text().splitlines()
    assert len(rows) == 1 + len(names["result"].plan.routes) > 1
    assert rows[1].startswith(f"{CT_NAME},1,")


def test_your_own_segmentation(console, desktop, airway_plan, tmp_path):
    import slicer

    logic = slicer.util.getModuleLogic("LungAirway")
    shown = logic.show(console.volume, shutil.copytree(airway_plan, tmp_path / "plan"))
    result = console(recipes()["Your own segmentation of the airway"])["result"]
    assert len(result.tree) == pytest.approx(len(shown.tree), rel=0.2)


def test_the_console_gives_the_same_result_object(console, airway_patient, airway_plan):
    import slicer

    from LungAirwayLib.result_io import load_result

    logic = slicer.util.getModuleLogic("LungAirway")
    result = logic.run(console.volume, target=airway_patient.target_ras, engine="classical")
    wanted = load_result(airway_plan)
    assert type(result) is type(wanted)
    assert len(result.tree) == len(wanted.tree)
    assert [route.exit_branch_id for route in result.plan.routes] == [route.exit_branch_id for route in wanted.plan.routes]


def test_a_child_process_plans_and_its_result_is_shown(console, desktop, airway_patient):
    import slicer

    from LungAirwayWidgets.case import case_of, result_node

    point = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Lesion")
    point.AddControlPointWorld(*airway_patient.target_ras)
    logic, ended = slicer.util.getModuleLogic("LungAirway"), []
    logic.process(console.volume, ended.append, target=point, engine="classical")
    desktop.process_events(until=lambda: bool(ended), timeout=300)
    assert ended[0].ok
    result = logic.show(console.volume, ended[0].folder)
    assert result.plan.routes
    assert result_node(case_of(console.volume), "surface") is not None
