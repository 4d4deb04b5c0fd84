"""``coronary`` and ``evaluate coronary``: exit codes, sentences, what is read; the pipeline itself is tested elsewhere."""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from coronary_results import one_lesion

from CardiacCTALib.issues import Consequence, Issue, issue
from SenseCarePlanningLib.cli import main
from SenseCarePlanningLib.commands.coronary import Output, clicks_of, read_heart, say_done
from SenseCarePlanningLib.commands.coronary_outputs import NOT_DICOM
from SenseCarePlanningLib.commands.evaluate import read_truth
from SenseCarePlanningLib.dicomio.chest import check_chest, check_heart
from SenseCarePlanningLib.dicomio.files import write_label_map, write_volume
from SenseCarePlanningLib.dicomio.load import load_image
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.phantom.coronary import CoronaryOptions, make_coronary_patient
from SenseCarePlanningLib.phantom.coronary_scan import coronary_scanner, scan_coronary
from SenseCarePlanningLib.phantom.coronary_truth import save_truth
from SenseCarePlanningLib.volume import LabelMap, Volume


@pytest.fixture(scope="module")
def coarse() -> Volume:
    """A whole heart in large voxels: cheap to scan."""
    return scan_coronary(make_coronary_patient(CoronaryOptions(seed=2)), coronary_scanner(100, 2.0)).volume


def test_a_heart_scan_is_read_though_it_holds_no_whole_chest(coarse: Volume) -> None:
    assert check_heart(coarse).problems == ()
    assert check_chest(coarse).problems != ()
    flat = replace(coarse, array_kji=coarse.array_kji[:20])
    assert any("40 mm" in problem for problem in check_heart(flat).problems)
    raised = replace(coarse, array_kji=(coarse.array_kji.astype(np.int32) + 1024).astype(np.int16))
    assert any("Hounsfield" in problem for problem in check_heart(raised).problems)


def test_tips_belong_to_the_ostium_before_them() -> None:
    clicks = clicks_of([(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)], [(0, (7.0, 8.0, 9.0)), (1, (1.0, 1.0, 1.0)), (1, (2.0, 2.0, 2.0))])
    assert [len(one.tips_lps_mm) for one in clicks] == [1, 2]
    with pytest.raises(InputError) as caught:
        clicks_of([(1.0, 2.0, 3.0)], [(-1, (0.0, 0.0, 0.0))])
    assert len(caught.value.problems) == 2


def test_statements_and_calibration_reach_the_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from types import SimpleNamespace

    from CardiacCTALib import pipeline
    from CardiacCTALib.findings import Ischaemia, NotAtherosclerotic
    from SenseCarePlanningLib.commands import coronary

    seen: list[pipeline.CoronaryOptions] = []
    image = SimpleNamespace(volume=None)
    monkeypatch.setattr(coronary, "read_ccta", lambda *_: image)
    monkeypatch.setattr(pipeline, "check_options", lambda *_: None)
    monkeypatch.setattr(coronary, "analyse_and_write", lambda _image, options, *_: seen.append(options) or 0)
    command = ["coronary", "x", "--out", str(tmp_path / "out")]
    assert main(command) == 0
    for word in coronary.ISCHAEMIA:
        assert main([*command, "--ischaemia", word]) == 0
    every = [part for word in coronary.EXCEPTIONS for part in ("--exception", word)]
    assert main([*command, *every, "--calcium-calibration", "0.8"]) == 0
    assert (seen[0].ischaemia, seen[0].exceptions, seen[0].calcium_calibration) == (None, frozenset(), None)
    assert [one.ischaemia for one in seen[1:4]] == list(Ischaemia)
    assert (seen[4].exceptions, seen[4].calcium_calibration) == (frozenset(NotAtherosclerotic), 0.8)
    assert main([*command, "--ischaemia", "maybe"]) == 2


def test_bad_input_is_one_sentence_and_exit_code_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coronary", str(tmp_path / "nothing"), "--out", str(tmp_path / "out")]) == 2
    assert main(["coronary", "x", "--engine", "magic", "--out", str(tmp_path / "out")]) == 2
    assert main(["coronary", "x", "--tip", "1,2,3", "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert "does not exist" in told
    assert "--ostium before" in told
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()


def test_what_there_is_and_what_to_beware_of_is_said_in_the_language_that_was_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result, _ = one_lesion()
    beside = issue(Issue.CALCIUM_BESIDE, Consequence.DOUBTFUL, "pLAD", part="pLAD", arc="165")
    other = issue(Issue.CALCIUM_BESIDE, Consequence.DOUBTFUL, "D1", part="D1", arc="90")
    result = replace(result, quality=(beside, other), warnings=(beside.text, other.text))
    (tmp_path / "report.pdf").touch()

    def said(language: str, as_json: bool = False) -> tuple[str, str]:
        assert say_done(result, Output(tmp_path, True, language, "A4", as_json), (NOT_DICOM,)) == 0
        shown = capsys.readouterr()
        return shown.out, shown.err

    out, told = said("zh")
    assert out.startswith(f"\n{result.grade.text}\n\n结果位于 {tmp_path}\n  报告    {tmp_path / 'report.pdf'}\n")
    assert "注意：以下节段管腔旁钙化，该处重度狭窄可能被低估：pLAD（165°），D1（90°）。" in told.splitlines()
    assert not re.search("[a-z]{4,}", told), "nothing is left in English"
    out, told = said("en")
    assert f"Note: {NOT_DICOM}" in told.splitlines() and f"  report  {tmp_path / 'report.pdf'}" in out.splitlines()
    events = [json.loads(line) for line in said("zh", as_json=True)[0].splitlines()]
    assert [one["text"] for one in events[:-1]] == [*result.warnings, NOT_DICOM]


def test_a_scan_without_contrast_is_refused_with_its_reason(
    coarse: Volume, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import SimpleITK as sitk

    from SenseCarePlanningLib.dicomio.files import sitk_from_volume

    plain = Volume(np.minimum(coarse.array_kji, 60), coarse.affine_ijk_to_lps)
    sitk.WriteImage(sitk_from_volume(plain), str(tmp_path / "plain.nii.gz"))
    assert load_image(tmp_path / "plain.nii.gz", body="heart").volume.array_kji.shape == coarse.array_kji.shape
    assert main(["coronary", str(tmp_path / "plain.nii.gz"), "--out", str(tmp_path / "out"), "--json"]) == 2
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[-1]["event"] == "error"
    assert "contrast" in events[-1]["message"] + " ".join(events[-1]["problems"])
    assert not (tmp_path / "out").exists()


def test_two_series_in_each_others_place_are_said_to_look_swapped(
    coarse: Volume, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from CardiacCTALib.swapped import SWAPPED
    from SenseCarePlanningLib.i18n import translator

    plain = Volume(np.minimum(coarse.array_kji, 60), coarse.affine_ijk_to_lps)
    write_volume(plain, tmp_path / "plain.nii.gz")
    write_volume(coarse, tmp_path / "contrast.nii.gz")

    def refusal(main_series: str, calcium: str) -> dict[str, object]:
        command = ["coronary", str(tmp_path / main_series), "--calcium-series", str(tmp_path / calcium)]
        assert main([*command, "--out", str(tmp_path / "out"), "--json"]) == 2
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    swapped = refusal("plain.nii.gz", "contrast.nii.gz")
    assert swapped["message"] == SWAPPED and "contrast" in str(swapped["problems"])
    assert translator("zh").sentence(SWAPPED).startswith("两个序列似乎互换了")
    both_plain = refusal("plain.nii.gz", "plain.nii.gz")
    assert "swapped" not in str(both_plain) and "contrast" in str(both_plain["message"])


def test_labels_of_a_heart_are_read_by_the_numbers_of_a_result_and_others_are_refused(coarse: Volume, tmp_path: Path) -> None:
    labels = np.zeros(coarse.array_kji.shape, dtype=np.uint8)
    labels[10:20, 40:50, 40:50], labels[20:30, 40:50, 40:50] = 2, 6
    write_label_map(LabelMap(labels, coarse.affine_ijk_to_lps), tmp_path / "heart.nii.gz")
    heart = read_heart(tmp_path / "heart.nii.gz")
    assert (heart.names[2], heart.names[6]) == ("left_ventricle", "aorta")
    assert np.array_equal(heart.array_kji, labels)
    labels[labels == 6] = 77
    write_label_map(LabelMap(labels, coarse.affine_ijk_to_lps), tmp_path / "odd.nii.gz")
    with pytest.raises(InputError) as caught:
        read_heart(tmp_path / "odd.nii.gz")
    assert [("77" in one, "aorta" in one) for one in caught.value.problems] == [(True, False), (False, True)]


def test_a_heart_mask_without_its_arteries_is_refused_before_any_work(
    coarse: Volume, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = np.full(coarse.array_kji.shape, 6, dtype=np.uint8)
    write_label_map(LabelMap(labels, coarse.affine_ijk_to_lps), tmp_path / "heart.nii.gz")
    write_volume(coarse, tmp_path / "ct.nii.gz")
    command = ["coronary", str(tmp_path / "ct.nii.gz"), "--heart-mask", str(tmp_path / "heart.nii.gz")]
    assert main([*command, "--out", str(tmp_path / "out")]) == 2
    assert "need the arteries too" in capsys.readouterr().err


def test_a_truth_is_found_in_the_patient_its_truth_folder_or_the_file(tmp_path: Path) -> None:
    truth = make_coronary_patient(CoronaryOptions(seed=2)).truth
    (tmp_path / "truth").mkdir()
    save_truth(truth, tmp_path / "truth" / "coronary.json")
    for place in (tmp_path, tmp_path / "truth", tmp_path / "truth" / "coronary.json"):
        assert read_truth(place).dominance == truth.dominance
    with pytest.raises(InputError, match="no truth"):
        read_truth(tmp_path / "elsewhere")
    (tmp_path / "coronary.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="no truth"):
        read_truth(tmp_path)


def test_the_evaluation_refuses_what_is_no_result(tmp_path: Path) -> None:
    from SenseCarePlanningLib.commands.evaluate import score_coronary

    with pytest.raises(InputError, match="no coronary result"):
        score_coronary(argparse.Namespace(result=tmp_path, truth=tmp_path, json=True))
