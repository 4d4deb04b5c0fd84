"""Child processes as the modules start them: real ones, stopped and killed for real."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

TALKER = """
import json, sys, time
print(json.dumps({"event": "progress", "step": "Pictures", "fraction": 0.5}), flush=True)
print("a line", flush=True)
print("an aside", file=sys.stderr, flush=True)
print(json.dumps({"event": "note", "text": "a remark"}), flush=True)
print(json.dumps({"event": "done", "exit_code": 0, "folder": "/somewhere", "files": ["plan.json"]}), end="", flush=True)
"""
SLEEPER = """
import subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path(sys.argv[1]).write_text(str(child.pid))
print("ready", flush=True)
time.sleep(600)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"


class Heard:
    """What a runner told."""

    def __init__(self):
        self.progress, self.log, self.ended = [], [], []

    def runner(self, command, **rest):
        from SenseCarePlanningWidgets.process_runner import ProcessRunner

        return ProcessRunner(
            command, lambda step, fraction: self.progress.append((step, fraction)), self.log.append, self.ended.append, **rest
        )


def alive(pid):
    """Whether a process runs; one that ended and was not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def start_sleeper(desktop, tmp_path, heard, **rest):
    file = tmp_path / "child.pid"
    runner = heard.runner([sys.executable, "-c", SLEEPER, str(file)], **rest)
    runner.start()
    desktop.process_events(until=lambda: "ready" in heard.log)
    return runner, runner.pid, int(file.read_text())


def test_a_child_tells_its_progress_lines_and_result(desktop):
    heard = Heard()
    runner = heard.runner([sys.executable, "-c", TALKER])
    runner.start()
    assert runner.running
    desktop.process_events(until=lambda: bool(heard.ended))
    outcome = heard.ended[0]
    assert heard.progress == [("Pictures", 0.5)]
    assert set(heard.log) == {"a line", "an aside", "a remark"}
    assert (outcome.ok, outcome.folder, outcome.files, outcome.notes) == (True, "/somewhere", ("plan.json",), ("a remark",))
    assert not runner.running
    with pytest.raises(RuntimeError, match="once"):
        runner.start()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_cancel_ends_the_child_and_what_it_started(desktop, tmp_path):
    heard = Heard()
    runner, child, grandchild = start_sleeper(desktop, tmp_path, heard)
    assert alive(child) and alive(grandchild)
    runner.cancel()
    desktop.process_events(until=lambda: bool(heard.ended))
    desktop.process_events(until=lambda: not alive(child) and not alive(grandchild))
    assert heard.ended[0].cancelled and not heard.ended[0].ok
    assert heard.ended[0].message == "Stopped; nothing was written."


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_a_child_that_will_not_stop_is_ended(desktop, monkeypatch):
    from SenseCarePlanningWidgets import process_runner

    monkeypatch.setattr(process_runner, "GRACE_MS", 200)
    heard = Heard()
    runner = heard.runner([sys.executable, "-c", STUBBORN])
    runner.start()
    desktop.process_events(until=lambda: "ready" in heard.log)
    child = runner.pid
    runner.cancel()
    desktop.process_events(until=lambda: bool(heard.ended))
    assert heard.ended[0].cancelled
    assert not alive(child)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_closing_the_scene_stops_the_child(desktop, tmp_path):
    heard = Heard()
    _, child, grandchild = start_sleeper(desktop, tmp_path, heard)
    desktop.scene.Clear(0)
    desktop.process_events(until=lambda: bool(heard.ended))
    desktop.process_events(until=lambda: not alive(child) and not alive(grandchild))
    assert heard.ended[0].cancelled
    other = Heard()
    kept, *_ = start_sleeper(desktop, tmp_path, other, stop_at_scene_close=False)
    desktop.scene.Clear(0)
    desktop.process_events()
    assert kept.running
    kept.stop_now()
    assert not kept.running and other.ended == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_leaving_slicer_stops_the_child_before_it_returns(desktop, tmp_path):
    heard = Heard()
    runner, child, grandchild = start_sleeper(desktop, tmp_path, heard)
    runner.stop_now()
    assert not alive(child)
    desktop.process_events(until=lambda: not alive(grandchild))
    assert heard.ended == []


def test_a_killed_child_is_told_in_one_sentence(desktop, tmp_path):
    heard = Heard()
    _, child, grandchild = start_sleeper(desktop, tmp_path, heard)
    os.kill(child, 9)
    desktop.process_events(until=lambda: bool(heard.ended))
    os.kill(grandchild, 9)
    outcome = heard.ended[0]
    assert not outcome.ok and not outcome.cancelled
    assert "ended from outside" in outcome.message and "\n" not in outcome.message


def test_a_child_that_breaks_is_told_with_its_last_words(desktop):
    heard = Heard()
    heard.runner([sys.executable, "-c", "raise SystemExit('no such thing')"]).start()
    desktop.process_events(until=lambda: bool(heard.ended))
    assert "code 1" in heard.ended[0].message
    assert heard.ended[0].log == ("no such thing",)


def test_a_program_that_is_absent_is_told(desktop):
    heard = Heard()
    heard.runner(["/absent/python", "-c", ""]).start()
    desktop.process_events(until=lambda: bool(heard.ended))
    assert "could not be started" in heard.ended[0].message


def test_our_own_commands_run_and_say_what_is_wrong(desktop, tmp_path):
    from SenseCarePlanningWidgets.process_runner import planning_command

    heard = Heard()
    started = time.perf_counter()
    heard.runner(planning_command("series", str(tmp_path / "absent"))).start()
    assert time.perf_counter() - started < 1.0  # the window does not wait for the child
    desktop.process_events(until=lambda: bool(heard.ended), timeout=40)
    outcome = heard.ended[0]
    assert outcome.exit_code == 2
    assert outcome.message.endswith(".") and "Traceback" not in outcome.message
