"""DICOM peers for the tests: dcmtk's and Orthanc's processes, and servers of pynetdicom that misbehave on purpose."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from SenseCarePlanningLib.dicomio.load import LoadedImage, load_image
from SenseCarePlanningLib.dicomio.network import Destination, Patience
from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.dicomio.write_ct import write_ct_series
from SenseCarePlanningLib.volume import Volume

from .printers import FULL, write_configuration

STUDY = StudyInfo(patient_name="Doe^Jane", patient_id="SECRET7", birth_date="1950-02-03", sex="F", study_date="2024-01-31")
HURRY = Patience(connect_s=3.0, answer_s=5.0)
START_S = 20.0


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def start_process(tmp_path: Path) -> Iterator[Callable[[Sequence[str], int], Path]]:
    """Start a DICOM server and wait until it listens; every one is killed at the end. Gives the file with what it says."""
    running: list[subprocess.Popen[bytes]] = []

    def start(command: Sequence[str], port: int, cwd: Path | None = None) -> Path:
        log = tmp_path / f"{Path(command[0]).name}-{len(running)}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, cwd=cwd or tmp_path)
        running.append(process)
        deadline = time.monotonic() + START_S
        while not listens(port):
            assert process.poll() is None, f"{command[0]} ended: {log.read_text(errors='replace')[-2000:]}"
            assert time.monotonic() < deadline, f"{command[0]} does not listen"
            time.sleep(0.05)
        return log

    start.running = running  # type: ignore[attr-defined]
    yield start
    for process in running:
        process.kill()
        process.wait(timeout=10)


@pytest.fixture
def dcmprscp(tmp_path: Path, start_process: Callable[..., Path]) -> Callable[..., tuple[Destination, Path]]:
    """Start dcmprscp with settings that replace the full ones; gives where to print and where prints are stored."""

    def start(**changed: str) -> tuple[Destination, Path]:
        port, folder = free_port(), tmp_path / "printer"
        settings = {name: value for name, value in {**FULL, **changed}.items() if value}
        configuration = write_configuration(folder, port, settings)
        start_process(["dcmprscp", "-v", "-c", str(configuration)], port, folder)
        return Destination("127.0.0.1", port, "PRINTER"), folder / "database"

    return start


@pytest.fixture
def serve() -> Iterator[Callable[..., Destination]]:
    """Start a server of pynetdicom in this process: ``serve(contexts, handlers, ae_title, **settings of AE)``."""
    from pynetdicom import AE

    with ExitStack() as running:

        def start(
            contexts: Sequence[str | tuple[str, Sequence[str]]],
            handlers: Sequence[Any] = (),
            ae_title: str = "PEER",
            **settings: Any,
        ) -> Destination:
            entity = AE(ae_title=ae_title)
            for name, value in settings.items():
                setattr(entity, name, value)
            for context in contexts:
                if isinstance(context, str):
                    entity.add_supported_context(context)
                else:
                    entity.add_supported_context(context[0], list(context[1]))
            server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=list(handlers))
            assert server is not None
            running.callback(server.shutdown)
            return Destination("127.0.0.1", server.socket.getsockname()[1], ae_title)

        yield start


@pytest.fixture(scope="session")
def patient(tmp_path_factory: pytest.TempPathFactory) -> LoadedImage:
    """A small CT series of a patient whose name must not reach a log."""
    folder = tmp_path_factory.mktemp("patient") / "dicom"
    array = np.random.default_rng(4).integers(-1000, 400, (12, 20, 24)).astype(np.int16)
    affine = np.array([[0.7, 0.0, 0.0, -11.0], [0.0, 0.7, 0.0, -22.0], [0.0, 0.0, 1.5, -33.0], [0.0, 0.0, 0.0, 1.0]])
    write_ct_series(Volume(array, affine), folder, STUDY, kvp=120, kernel="LUNG")
    return load_image(folder, require_chest=False)
