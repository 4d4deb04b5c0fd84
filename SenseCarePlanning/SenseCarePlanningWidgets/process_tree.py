"""A process with all that it started: found and ended without packages that Slicer lacks."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

LIST_TIMEOUT_S = 5.0


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and those that these started, nearest first."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents().items():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    waiting = [pid]
    while waiting:
        mine = children.get(waiting.pop(0), [])
        found += mine
        waiting += mine
    return found


def _parents() -> Mapping[int, int]:
    """Return the parent of every process."""
    if sys.platform == "win32":  # taskkill walks the tree by itself
        return {}
    found: dict[int, int] = {}
    if Path("/proc/self/stat").is_file():
        for entry in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError, ValueError, IndexError):  # the process ended meanwhile
                text = entry.read_text(encoding="utf-8", errors="replace")
                found[int(entry.parent.name)] = int(text.rpartition(")")[2].split()[1])
        return found
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, timeout=LIST_TIMEOUT_S, check=False
    ).stdout
    for line in listed.splitlines():
        pid, _, parent = line.strip().partition(" ")
        found[int(pid)] = int(parent)
    return found


def end_tree(pid: int, at_once: bool, spare_launcher: bool = False) -> list[int]:
    """End a process and all that it started.

    Slicer's Python is a launcher whose child does the work: ending the launcher alone would leave the work running.

    Parameters
    ----------
    pid
        The process; 0 or less does nothing.
    at_once
        False asks the processes to end (they clean up after themselves); True ends them where they are. Windows knows the
        latter only.
    spare_launcher
        Tell what the process started and not the process itself, if it started anything: a launcher ends when its child has.

    Returns
    -------
    list of int
        The processes that were told.
    """
    if pid <= 0:
        return []
    if sys.platform == "win32":
        subprocess.run(
            ["taskkill", "/PID", str(pid), "/T", "/F"],
            capture_output=True,
            timeout=LIST_TIMEOUT_S,
            check=False,
            creationflags=subprocess.CREATE_NO_WINDOW,
        )
        return [pid]
    started = descendants(pid)
    told = started if started and spare_launcher else [pid, *started]
    end_each(told, at_once)
    return told


def end_each(pids: list[int], at_once: bool) -> None:
    """End the processes of a list; those that are gone are passed over."""
    if sys.platform == "win32":
        return
    for one in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(one, signal.SIGKILL if at_once else signal.SIGTERM)
