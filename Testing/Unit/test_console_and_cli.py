"""The command line: exit codes, sentences, progress, and results that are whole or absent."""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from SenseCarePlanningLib import whole_folder as whole_folder_module
from SenseCarePlanningLib.cli import join_negative_values, main
from SenseCarePlanningLib.console import GRACE_S, JsonLines, PlainLines, TerminalBar, console_language, in_cells
from SenseCarePlanningLib.errors import Cancelled, InputError, SenseCareError
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.whole_folder import MANIFEST, check_output_folder, whole_folder

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["airway", "--out", "x"], "Give a chest CT"),
        (["airway", "nowhere", "--out", "{tmp}/x"], "does not exist"),
        (["airway", "nowhere"], "--out"),
        (["airway", "nowhere", "--out", "x", "--target", "1,2"], "not three numbers"),
        (["airway", "nowhere", "--out", "x", "--target", "1,2,nan"], "finite"),
        (["airway", "nowhere", "--out", "x", "--engine", "magic"], "magic"),
        (["airway", "nowhere", "--out", "{tmp}/x", "--engine", "bundle", "--bundle", "{tmp}/none"], "bundle"),
        (["airway", "nowhere", "--out", "{tmp}/x", "--engine", "classical", "--bundle", "b"], "--bundle"),
        (["phantom", "thorax", "--airway-mask", "m", "--variant", "lb7", "--out", "{tmp}/x"], "leave out --variant."),
        (
            [
                "phantom",
                "thorax",
                "--airway-mask",
                "m",
                "--nodule",
                "RB3:9",
                "--leaks",
                "1",
                "--generations",
                "12",
                "--out",
                "{tmp}/x",
            ],
            "leave out --generations, --nodule, --leaks.",
        ),
        (
            ["phantom", "coronary", "--psf", "-1", "--out", "{tmp}/x"],
            "--psf must be 0 to 10 mm, full width at half maximum; got -1",
        ),
        (
            ["phantom", "coronary", "--psf", "nan", "--out", "{tmp}/x"],
            "--psf must be 0 to 10 mm, full width at half maximum; got nan",
        ),
        (["phantom", "coronary", "--slice", "0", "--out", "{tmp}/x"], "--slice must be 0.2 to 10 mm; got 0"),
        (["phantom", "coronary", "--pixels", "1024", "--out", "{tmp}/x"], "--pixels must be 64 to 1000; got 1024"),
        (["frobnicate"], "frobnicate"),
        ([], "command"),
    ],
)
def test_bad_arguments_are_one_sentence_and_exit_code_2(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([argument.replace("{tmp}", str(tmp_path)) for argument in arguments])
    shown = capsys.readouterr().err
    assert code == 2
    assert sentence in shown
    assert "Traceback" not in shown
    assert not list(tmp_path.iterdir())


def test_an_error_is_a_json_line_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["airway", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out"), "--json"])
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (code, last["event"], last["exit_code"]) == (2, "error", 2)
    assert "does not exist" in last["message"]


def test_a_negative_target_is_a_value_not_an_option() -> None:
    assert join_negative_values(["airway", "ct", "--target", "-40,10,-90"]) == ["airway", "ct", "--target=-40,10,-90"]
    assert join_negative_values(["airway", "--target=1,2,3", "--out", "o"]) == ["airway", "--target=1,2,3", "--out", "o"]


def test_the_package_starts_by_path_without_any_python_path(tmp_path: Path) -> None:
    # As the Slicer desktop starts it: by path, from elsewhere, with no PYTHONPATH.
    package = ROOT / "SenseCarePlanning" / "SenseCarePlanningLib"
    done = subprocess.run(
        [sys.executable, str(package), "airway", "nowhere", "--out", str(tmp_path / "out")],
        cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "does not exist" in done.stderr


def test_plain_lines_name_each_step_once() -> None:
    stream = io.StringIO()
    progress = Progress(PlainLines(stream))
    with progress.step("Lungs"):
        progress.update(0.3)
        progress.update(0.6)
    assert stream.getvalue() == "Lungs ...\nLungs: done\n"
    assert [record.name for record in progress.records] == ["Lungs"]


def test_plain_lines_say_done_once_for_a_step_that_reports_all_of_its_work() -> None:
    stream = io.StringIO()
    progress = Progress(PlainLines(stream))
    for _ in range(2):
        with progress.step("Pictures"):
            progress.update(1.0)
    assert stream.getvalue() == "Pictures ...\nPictures: done\n" * 2


def test_plain_lines_of_a_step_within_a_step() -> None:
    stream = io.StringIO()
    progress = Progress(PlainLines(stream))
    with progress.step("Plan"):
        with progress.step("Airway"):
            pass
        progress.update(0.5)
    assert stream.getvalue() == "Plan ...\nAirway ...\nAirway: done\nPlan: done\n"


def test_the_bar_ends_its_line_when_the_step_is_done() -> None:
    stream = io.StringIO()
    bar = TerminalBar(stream)
    bar.show("Airway", 0.5)
    bar.show("Airway", 1.0)
    assert stream.getvalue().endswith("100 %\n")
    assert stream.getvalue().count("\r") == 2


def test_steps_are_named_in_the_language_that_was_chosen() -> None:
    lines, bar = io.StringIO(), io.StringIO()
    with Progress(PlainLines(lines, "zh")).step("Reading the images"):
        pass
    assert lines.getvalue() == "读取图像 ...\n读取图像：完成\n"
    TerminalBar(bar, "zh").show("Reading the images", 0.5)
    assert bar.getvalue().startswith("\r读取图像" + " " * 36 + " [####")  # four letters of two cells each


def test_a_text_takes_the_cells_of_a_terminal_that_it_is_given() -> None:
    assert in_cells("plan", 7) == "plan   "
    assert in_cells("规划", 7) == "规划   "
    assert in_cells("规划", 3) == "规 "
    assert in_cells("planning", 4) == "plan"


@pytest.mark.parametrize("option", [["--language", "zh"], ["--language=zh"], ["--lang", "zh"]])
def test_a_refusal_is_told_in_the_language_that_was_chosen(
    option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("airway", "coronary"):
        assert main([command, str(tmp_path / "nowhere.nii.gz"), "--out", str(tmp_path / "out"), *option]) == 2
        assert capsys.readouterr().err.splitlines()[-1] == "nowhere.nii.gz 不存在。"
    assert main(["coronary", "x", "--tip", "1,2,3", "--out", str(tmp_path / "out"), *option]) == 2
    assert capsys.readouterr().err.splitlines() == ["", "所标记的动脉不完整。", "  - 请先给出 --ostium，再给出其 --tip"]


def test_a_program_that_reads_json_gets_english_in_any_language(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["coronary", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out"), "--language", "zh", "--json"]
    assert main(command) == 2
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert said[0]["step"] == "Reading the images" and said[-1]["message"] == "nowhere does not exist."


def test_a_console_without_chinese_letters_is_told_english(monkeypatch: pytest.MonkeyPatch) -> None:
    assert console_language("zh") == "zh" and console_language("zh", as_json=True) == "en"
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    assert console_language("zh") == "en"


def test_json_lines_are_one_object_each() -> None:
    stream = io.StringIO()
    sink = JsonLines(stream)
    for fraction in (0.0, 0.001, 0.5, 1.0):
        sink.show("Airway", fraction)
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [row["fraction"] for row in rows] == [0.0, 0.5, 1.0]


def test_a_request_to_stop_ends_the_step() -> None:
    class Impatient:
        def show(self, step: str, fraction: float) -> None: ...

        def is_cancelled(self) -> bool:
            return True

    with pytest.raises(Cancelled), Progress(Impatient()).step("Lungs"):
        pytest.fail("the step began although the user had asked to stop")


def test_results_appear_whole(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "out") as scratch:
        (scratch / "run.json").write_text("{}")
        assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_failure_leaves_the_earlier_result_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with whole_folder(out) as scratch:
        (scratch / "run.json").write_text("earlier")
    with pytest.raises(SenseCareError), whole_folder(out) as scratch:
        (scratch / "run.json").write_text("half")
        raise SenseCareError("it broke")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (out / "run.json").read_text() == "earlier"


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_text("x")
    with pytest.raises(InputError, match="other files"), whole_folder(tmp_path):
        pytest.fail("the block ran")
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_folder_with_very_many_files_is_refused_without_reading_it_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def walk(top: Path) -> Iterator[tuple[str, list[str], list[str]]]:
        for number in itertools.count():
            seen.append(number)
            yield str(top), [], [f"file{number}"]

    monkeypatch.setattr(whole_folder_module.os, "walk", walk)
    with pytest.raises(InputError, match=r"file0, file1, file2, \.\.\."):
        check_output_folder(tmp_path)
    assert len(seen) < 10


def test_an_earlier_result_is_replaced_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with whole_folder(out) as scratch:
        (scratch / "run.json").write_text("earlier")
        (scratch / "pictures").mkdir()
        (scratch / "pictures" / "old.png").write_text("x")
    with whole_folder(out) as scratch:
        (scratch / "run.json").write_text("new")
    assert sorted(path.name for path in out.iterdir()) == [MANIFEST, "run.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("manifest", [None, "{}", "not json", '{"program": "SenseCare Planning", "files": ["run.json"]}'])
def test_what_a_person_put_beside_a_result_is_never_deleted(tmp_path: Path, manifest: str | None) -> None:
    out = tmp_path / "out"
    (out / "notes").mkdir(parents=True)
    (out / "run.json").write_text("{}")
    (out / "notes" / "thesis.txt").write_text("precious")
    if manifest is not None:
        (out / MANIFEST).write_text(manifest)
    with pytest.raises(InputError, match=r"thesis\.txt"), whole_folder(out):
        pytest.fail("the block ran")
    assert (out / "notes" / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize("inner", [".", "dicom", "dicom/series/0001.dcm"])
def test_a_folder_that_holds_the_input_is_never_replaced(tmp_path: Path, inner: str) -> None:
    out = tmp_path / "patient"
    with whole_folder(out) as scratch:
        (scratch / "dicom" / "series").mkdir(parents=True)
        (scratch / "dicom" / "series" / "0001.dcm").write_text("a scan of ours")
    check_output_folder(out)
    check_output_folder(out / "dicom" / "results", [out / "dicom"])
    with pytest.raises(InputError, match="holds the input"):
        check_output_folder(out, [None, out / inner])


def test_folders_made_on_the_way_vanish_with_a_failure(tmp_path: Path) -> None:
    with pytest.raises(SenseCareError), whole_folder(tmp_path / "a" / "b" / "out"):
        raise SenseCareError("it broke")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def kept_signals() -> Iterator[None]:
    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGALRM] if hasattr(signal, "SIGALRM") else [])]
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0.0)
    for number, handler in before.items():
        signal.signal(number, handler)


needs_timer = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer signal")


@needs_timer
def test_work_that_never_asks_is_broken_off(kept_signals: None) -> None:
    PlainLines(io.StringIO())
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            time.sleep(0.01)


@needs_timer
def test_work_that_asks_ends_by_itself_and_is_not_interrupted_while_it_tidies_up(kept_signals: None) -> None:
    progress = Progress(PlainLines(io.StringIO()))
    with pytest.raises(Cancelled), progress.step("Lungs"):
        os.kill(os.getpid(), signal.SIGINT)
        progress.update(0.5)
    time.sleep(GRACE_S + 0.2)


@needs_timer
def test_a_request_that_comes_when_the_results_are_complete_changes_nothing(tmp_path: Path, kept_signals: None) -> None:
    PlainLines(io.StringIO())
    with whole_folder(tmp_path / "out") as scratch:
        (scratch / "run.json").write_text("{}")
        os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE_S + 0.2)
    assert (tmp_path / "out" / "run.json").read_text() == "{}"


@needs_timer
def test_a_command_that_was_stopped_leaves_no_alarm_that_would_end_the_process(
    kept_signals: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def start(_: argparse.Namespace) -> int:
        PlainLines(io.StringIO())
        os.kill(os.getpid(), signal.SIGTERM)
        raise Cancelled  # as work in a thread does, which cannot disarm the alarm

    parser = argparse.ArgumentParser()
    parser.set_defaults(start=start)
    monkeypatch.setattr("SenseCarePlanningLib.cli.build_parser", lambda command: parser)
    assert main([]) == 1
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0
    assert "nothing was written" in capsys.readouterr().err


PROGRAM = "import sys; from SenseCarePlanningLib import cli; cli._run = lambda *_: {work}; sys.exit(cli.main(sys.argv[1:]))"
SAYS_MUCH, FAILS = "[print('x' * 70000) for _ in range(9)] and 0", "open('/nowhere/at/all')"
PEER_LEFT = "(_ for _ in ()).throw(BrokenPipeError('the archive has hung up'))"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no broken pipes")
@pytest.mark.parametrize(
    ("work", "closed", "arguments"),
    [
        (SAYS_MUCH, "stdout", []),
        ("print('short') or 0", "stdout", []),
        (FAILS, "stdout", ["--json"]),
        (FAILS, "stderr", []),
        ("cli.build_parser(None).parse_args(['--help'])", "stdout", []),
    ],
)
def test_a_reader_who_leaves_ends_the_program_quietly(work: str, closed: str, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        other = "stderr" if closed == "stdout" else "stdout"
        command = [sys.executable, "-c", PROGRAM.format(work=work), *arguments]
        place = {"PYTHONPATH": str(ROOT / "SenseCarePlanning")}
        done = subprocess.run(command, env=place, check=False, text=True, **{closed: writing, other: subprocess.PIPE})
    finally:
        os.close(writing)
    assert done.returncode == 141
    assert (done.stderr if closed == "stdout" else done.stdout) == ""


def test_a_broken_pipe_of_something_else_is_a_failure() -> None:
    place = {"PYTHONPATH": str(ROOT / "SenseCarePlanning")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(work=PEER_LEFT)], env=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "failed unexpectedly (BrokenPipeError" in done.stderr
