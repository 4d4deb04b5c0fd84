"""Result folders and models are recognised quickly, and damaged ones do no harm."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from SenseCarePlanningLib.case_folder import REPORT_HTML, STUDY, check_same_series, find_cases, is_case, read_case, write_study
from SenseCarePlanningLib.commands.result_dicom import check_current
from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.inference.installed import find_models, folder_size
from SenseCarePlanningLib.whole_folder import SIGNED, whole_folder

DIGEST = "0" * 64


def make_case(folder: Path, record: object = None, name: str = "run.json") -> Path:
    with whole_folder(folder) as scratch:
        text = json.dumps(record) if not isinstance(record, str) else record
        (scratch / name).write_text(text, encoding="utf-8")
    return folder


def make_bundle(folder: Path, metadata: str = '{"name": "Net", "version": "2"}') -> Path:
    (folder / "configs").mkdir(parents=True)
    (folder / "configs" / "metadata.json").write_text(metadata, encoding="utf-8")
    return folder


def test_another_series_is_told_by_its_identifier_and_an_unknown_one_passes(tmp_path: Path) -> None:
    write_study(StudyInfo(patient_name="Miller", series_uid="1.2.3"), tmp_path)
    for study in (StudyInfo(series_uid="1.2.3"), StudyInfo()):
        check_same_series(tmp_path, study)
    with pytest.raises(InputError, match="another series"):
        check_same_series(tmp_path, StudyInfo(patient_name="Miller", series_uid="1.2.4"))


def test_a_case_is_read_from_its_record(tmp_path: Path) -> None:
    record = {"created": "2026-03-04T05:06:07+00:00", "engine": {"name": "bundle"}, "options": {"target": "mask"}}
    case = read_case(make_case(tmp_path / "Miller", record))
    assert case.created is not None and case.created.utcoffset() is not None
    assert case.created.timestamp() == pytest.approx(1772600767)
    assert (case.name, case.engine, case.has_target) == ("Miller", "bundle", True)
    assert case.files == {"run.json", ".sensecare.json"}


def test_whose_result_it_is_lies_apart_and_is_never_printed(tmp_path: Path) -> None:
    study = StudyInfo(patient_name="Doe^Jane", patient_id="ID1", study_date="2024-01-31", study_description="Chest")
    folder = make_case(tmp_path / "Case", {})
    assert read_case(folder).study == StudyInfo()
    write_study(StudyInfo(patient_id="ID1"), folder)
    assert not (folder / STUDY).exists()
    write_study(study, folder)
    case = read_case(folder)
    assert case.study == replace(study, patient_id=None)
    assert "Doe" not in repr(case)
    (folder / STUDY).write_text('{"patient_name": 5}', encoding="utf-8")
    assert read_case(folder).study == StudyInfo()


@pytest.mark.parametrize("record", ["{", "[]", "null", '{"created": 5, "engine": "x", "options": []}'])
def test_a_damaged_record_leaves_the_case_in_the_list(tmp_path: Path, record: str) -> None:
    case = read_case(make_case(tmp_path / "Miller", record))
    assert (case.created, case.engine, case.has_target) == (None, "", False)


def test_only_our_finished_results_are_cases(tmp_path: Path) -> None:
    assert not is_case(tmp_path / "absent")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "run.json").write_text("{}", encoding="utf-8")
    assert not is_case(tmp_path / "photos")
    assert not is_case(make_case(tmp_path / "patient", {}, "options.json"))  # a digital patient is a folder of ours, too
    assert is_case(make_case(tmp_path / "plan only", {}, "plan.json"))
    (tmp_path / "photos" / ".sensecare.json").write_text("nonsense", encoding="utf-8")
    assert not is_case(tmp_path / "photos")


def test_cases_are_found_two_folders_deep_newest_first(tmp_path: Path) -> None:
    make_case(tmp_path / "Old", {"created": "2020-01-01T00:00:00+00:00"})
    make_case(tmp_path / "Miller" / "002", {"created": "2026-01-01T00:00:00+00:00"})
    make_case(tmp_path / "a" / "b" / "c", {})
    make_case(tmp_path / ".hidden", {})
    assert [case.name for case in find_cases(tmp_path)] == ["Miller 002", "Old"]
    assert [case.name for case in find_cases(tmp_path / "Old")] == ["Old"]
    assert find_cases(tmp_path / "absent") == []


def test_a_model_takes_its_facts_from_the_list_then_its_metadata_then_its_licence_file(tmp_path: Path) -> None:
    make_bundle(tmp_path / "own")
    (tmp_path / "own" / "docs").mkdir()
    (tmp_path / "own" / "docs" / "data_license.txt").write_text("\n CC-BY-4.0 \nmore", encoding="utf-8")
    make_bundle(tmp_path / "listed")
    make_bundle(tmp_path / "broken", "{")
    row = {
        "id": "listed",
        "title": "Airways",
        "licence": "Apache-2.0",
        "sha256": DIGEST,
        "intended_use": "Chest CT.",
        "quality": {},
    }
    (tmp_path / "models.json").write_text(json.dumps({"models": [row]}), encoding="utf-8")
    found = {model.name: model for model in find_models([tmp_path, tmp_path / "own", tmp_path / "absent"])}
    assert set(found) == {"own", "listed", "broken"}
    assert (found["own"].title, found["own"].version, found["own"].licence) == ("Net", "2", "CC-BY-4.0")
    assert (found["listed"].title, found["listed"].licence, found["listed"].intended_use) == (
        "Airways",
        "Apache-2.0",
        "Chest CT.",
    )
    assert (found["broken"].title, found["broken"].licence) == ("broken", "")
    assert found["own"].size_bytes == folder_size(tmp_path / "own") == 31 + 17


def test_a_report_older_than_the_readers_last_change_is_not_given_away(tmp_path: Path) -> None:
    (tmp_path / REPORT_HTML).write_text("report", encoding="utf-8")
    check_current(tmp_path)
    (tmp_path / SIGNED).write_text("{}", encoding="utf-8")
    os.utime(tmp_path / REPORT_HTML, (1000.0, 1000.0))
    with pytest.raises(InputError, match="older than the reader's last change"):
        check_current(tmp_path)
    os.utime(tmp_path / SIGNED, (900.0, 900.0))
    check_current(tmp_path)
