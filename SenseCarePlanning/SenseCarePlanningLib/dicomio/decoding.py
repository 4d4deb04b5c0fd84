"""Decode compressed frames in child processes, several at once, and survive a decoder that crashes or hangs."""

from __future__ import annotations

import json
import logging
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .headers import ImageHeader

logger = logging.getLogger(__name__)

_PACKAGE_PARENT = Path(__file__).resolve().parents[2]
_FRAME_SECONDS = 60.0
_FRAMES_PER_WORKER = 30


@dataclass(frozen=True)
class DecodedFrame:
    """Outcome for one frame: an error, or where its stored values lie; ``whole`` as of ``accounts_for_stream``."""

    error: str = ""
    message: str = ""
    whole: bool | None = None


class _Worker:
    """One child process and the pipe to it, started again after a crash."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._process: subprocess.Popen[str] | None = None

    def _start(self) -> subprocess.Popen[str]:
        environment = dict(os.environ)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_PACKAGE_PARENT), environment.get("PYTHONPATH", "")]))
        environment["OMP_NUM_THREADS"] = environment["OPENBLAS_NUM_THREADS"] = "1"
        return subprocess.Popen(
            [_python(), "-m", "SenseCarePlanningLib.dicomio.decode_worker", str(self._target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env=environment,
        )

    def decode(self, header: ImageHeader, slot: int) -> DecodedFrame:
        """Send one request and wait for its answer; a crash or a hang is an answer, too."""
        if self._process is None:
            self._process = self._start()
        process = self._process
        request = {"path": str(header.path), "frame": header.frame_index, "slot": slot}
        timer = threading.Timer(_FRAME_SECONDS, process.kill)
        timer.start()
        try:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            self.close()
            return DecodedFrame("the decoder crashed on it")
        answer: dict[str, Any] = json.loads(line)
        return DecodedFrame(answer["error"], answer["message"], answer["whole"])

    def close(self) -> None:
        """End the child process."""
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    logger.debug("the pipe to a decoder that has ended")
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _python() -> str:
    """Return a Python interpreter: inside an application that embeds Python, ``sys.executable`` may be the application."""
    if "python" in Path(sys.executable or "").name.lower():
        return sys.executable
    return shutil.which("PythonSlicer") or shutil.which("python3") or sys.executable


def decode_frames(
    headers: Sequence[ImageHeader], take: Callable[[int, NDArray[np.uint16]], None], workers: int | None = None
) -> list[DecodedFrame]:
    """Decode frames of equal size; calls ``take(index, stored (rows, columns) uint16)`` for each that decodes.

    Calls to ``take`` come from the calling thread, in order.
    """
    rows, columns = headers[0].rows or 0, headers[0].columns or 0
    count = workers or max(1, min(os.cpu_count() or 1, 4, len(headers) // _FRAMES_PER_WORKER))
    outcomes: list[DecodedFrame] = [DecodedFrame("not decoded")] * len(headers)
    with tempfile.TemporaryDirectory(prefix="decode-") as scratch:
        target = Path(scratch) / "stored.raw"
        with target.open("wb") as stream:
            stream.truncate(len(headers) * rows * columns * 2)
        pending: queue.SimpleQueue[int] = queue.SimpleQueue()
        for index in range(len(headers)):
            pending.put(index)

        def serve() -> None:
            """Decode headers one after the other until none is left."""
            worker = _Worker(target)
            try:
                while True:
                    index = pending.get_nowait()
                    outcomes[index] = worker.decode(headers[index], index)
            except queue.Empty:
                return
            finally:
                worker.close()

        threads = [threading.Thread(target=serve, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for index, outcome in enumerate(outcomes):
            if not outcome.error:
                offset = index * rows * columns * 2
                frame = np.fromfile(target, dtype=np.uint16, count=rows * columns, offset=offset)
                take(index, frame.reshape(rows, columns))
    return outcomes
