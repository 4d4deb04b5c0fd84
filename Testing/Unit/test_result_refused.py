"""A coronary result that is damaged is refused with one clear sentence, when it is read and not where it is shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from coronary_results import one_lesion

from CardiacCTALib.reader_changes import CHANGES, load_changes
from CardiacCTALib.result_io import CORONARY, load_result, save_result
from SenseCarePlanningLib.errors import InputError

Damage = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("result")
    save_result(one_lesion()[0], made)
    return made


def refusal(folder: Path, damage: Damage) -> InputError:
    """What is said of a result whose numbers were changed; they are as before afterwards."""
    path = folder / CORONARY
    whole = path.read_text(encoding="utf-8")
    content = json.loads(whole)
    damage(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    try:
        with pytest.raises(InputError) as refused:
            load_result(folder, images=False)
    finally:
        path.write_text(whole, encoding="utf-8")
    return refused.value


@pytest.mark.parametrize("version", [True, None, 99, "3", 3.0])
def test_a_version_that_is_no_whole_number_we_know_is_another_versions(folder: Path, version: object) -> None:
    said = refusal(folder, lambda content: content.update(schema_version=version))
    assert "another version" in said.user_message
    assert said.problems == (f"schema_version is {json.dumps(version)}, expected one of 1, 2, 3",)


def test_a_list_of_changes_with_such_a_version_is_damaged(tmp_path: Path) -> None:
    text = json.dumps({"schema": "sensecare-coronary-changes", "schema_version": True, "changes": []})
    (tmp_path / CHANGES).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="damaged"):
        load_changes(tmp_path)


def lose(items: list[dict[str, Any]]) -> None:
    """Take the values from the first sentence that has any."""
    next(one for one in items if one["values"])["values"] = []


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda content: lose(content["grade"]["trace"]), "lacks what its sentence says"),
        (lambda content: lose(content["grade"]["burden"]["trace"]), "lacks what its sentence says"),
        (lambda content: lose(content["quality"]), "Issue STEP lacks what its sentence says: height, length, part"),
        (lambda content: content["grade"]["trace"][0].update(rule="NO_SUCH_RULE"), "'NO_SUCH_RULE' is none of"),
        (lambda content: content.pop("trees"), "trees is missing"),
    ],
)
def test_a_rule_without_its_values_is_refused_when_it_is_read(folder: Path, damage: Damage, named: str) -> None:
    said = refusal(folder, damage)
    assert "damaged" in said.user_message and len(said.problems) == 1 and named in said.problems[0]
