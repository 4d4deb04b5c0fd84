"""``slicer.util.launchConsoleProcess`` as of 5.12: blocking, or with callbacks from the event loop."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Callable
from typing import Any

from PySide6 import QtCore

from .signals import deliver

_RUNNING: list[QtCore.QTimer] = []
PERIOD_MS = 20


def launchConsoleProcess(
    args: list[str],
    useStartupEnvironment: bool = True,
    updateEnvironment: dict[str, str] | None = None,
    cwd: str | None = None,
    blocking: bool = True,
    logCallback: Callable[[str], None] | None = None,
    completedCallback: Callable[[int], None] | None = None,
) -> Any:
    """Start a process; with ``blocking=False`` its lines and its end come through the callbacks."""
    import slicer.util

    environment = {**slicer.util.startupEnvironment(), **(updateEnvironment or {})}
    process = subprocess.Popen(
        args, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, cwd=cwd
    )
    if not blocking:
        _follow(process, logCallback, completedCallback)
    return process


def _follow(process: Any, told: Callable[[str], None] | None, ended: Callable[[int], None] | None) -> None:
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
        process.wait()
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    timer = QtCore.QTimer()

    def look() -> None:
        while not lines.empty():
            line = lines.get()
            if line is None:
                timer.stop()
                _RUNNING.remove(timer)
                if ended is not None:
                    deliver(ended, (process.returncode,))
            elif told is not None:
                deliver(told, (line,))

    timer.timeout.connect(look)
    timer.start(PERIOD_MS)
    _RUNNING.append(timer)


def end_all() -> None:
    """Stop following: the run ends."""
    for timer in _RUNNING:
        timer.stop()
    _RUNNING.clear()
