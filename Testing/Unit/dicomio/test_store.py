"""Sending to a PACS: storescp of dcmtk, Orthanc, and servers that refuse, fail, hang and die."""

from __future__ import annotations

import json
import logging
import shutil
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless
from pynetdicom import evt

from SenseCarePlanningLib.dicomio.load import LoadedImage
from SenseCarePlanningLib.dicomio.network import Destination, NetworkError, Patience
from SenseCarePlanningLib.dicomio.seg import SegmentDescription, write_seg
from SenseCarePlanningLib.dicomio.store import VERIFICATION, check_connection, describe, send_files
from SenseCarePlanningLib.errors import Cancelled, InputError
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import LabelMap

from .conftest import HURRY, free_port

needs_storescp = pytest.mark.skipif(shutil.which("storescp") is None, reason="dcmtk (storescp) is not installed")
needs_orthanc = pytest.mark.skipif(shutil.which("Orthanc") is None, reason="Orthanc is not installed")
CT = str(CTImageStorage)


class Stopper:
    """A progress sink that asks to stop once an event is set."""

    def __init__(self) -> None:
        self.stop = threading.Event()

    def show(self, step: str, fraction: float) -> None:
        pass

    def is_cancelled(self) -> bool:
        return self.stop.is_set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pacs.example:104:ARCHIVE", ("pacs.example", 104, "ARCHIVE")),
        (" 10.0.0.5:11112:MY PACS ", ("10.0.0.5", 11112, "MY PACS")),
        ("[::1]:104:A", ("::1", 104, "A")),
    ],
)
def test_a_destination_is_read(text: str, expected: tuple[str, int, str]) -> None:
    found = Destination.parse(text)
    assert (found.host, found.port, found.called_ae) == expected
    assert Destination.parse(str(found)) == found


@pytest.mark.parametrize(
    "text", ["", "host", "host:104", "host:x:A", "host:0:A", "host:70000:A", "h:104:", "h:1:" + 17 * "A", "h:1:ÄE", "::1:104:A"]
)
def test_what_is_no_destination_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Destination.parse(text)


def test_nothing_leaves_without_a_yes(patient: LoadedImage, serve: Callable[..., Destination]) -> None:
    seen: list[object] = []
    there = serve([VERIFICATION, CT], [(evt.EVT_CONN_OPEN, seen.append)])
    with pytest.raises(InputError, match="not confirmed"):
        send_files(patient.files, there, allowed=False)
    with pytest.raises(InputError, match="not confirmed"):
        check_connection(there, allowed=False)
    time.sleep(0.2)
    assert seen == []


@needs_storescp
@pytest.mark.parametrize("prefer", ["+xi", "+xe"])
def test_storescp_gets_the_files_as_they_are(
    patient: LoadedImage, tmp_path: Path, start_process: Callable[..., Path], prefer: str
) -> None:
    port, folder = free_port(), tmp_path / "archive"
    folder.mkdir()
    start_process(["storescp", "-aet", "ARCHIVE", prefer, "-od", str(folder), str(port)], port)
    there = Destination("127.0.0.1", port, "ARCHIVE")
    check_connection(there, allowed=True, patience=HURRY)
    mask = LabelMap((patient.volume.array_kji > 0).astype(np.uint8), patient.volume.affine_ijk_to_lps, {1: "x"})
    assert write_seg([(SegmentDescription(1, "Airway"), mask)], patient, tmp_path / "seg.dcm") is None
    found = send_files([*patient.files, tmp_path / "seg.dcm"], there, allowed=True, patience=HURRY)
    assert [one.remark for one in found] == [""] * 13 and all(one.stored for one in found)
    stored = {data.SOPInstanceUID: data for data in map(pydicom.dcmread, folder.iterdir())}
    assert len(stored) == 13
    for file in [*patient.files, tmp_path / "seg.dcm"]:
        sent = pydicom.dcmread(file)
        assert stored[sent.SOPInstanceUID].PixelData == sent.PixelData
        assert stored[sent.SOPInstanceUID].PatientID == "SECRET7"


def test_a_compressed_file_is_sent_as_it_is_or_unpacked(
    patient: LoadedImage, tmp_path: Path, serve: Callable[..., Destination]
) -> None:
    data = pydicom.dcmread(patient.files[0])
    pixels = data.pixel_array.copy()
    data.compress(RLELossless)
    data.save_as(tmp_path / "rle.dcm")
    received: list[Any] = []

    def keep(event: Any) -> int:
        stored = event.dataset
        stored.file_meta = event.file_meta
        received.append(stored)
        return 0x0000

    for syntaxes, expected in (
        ([RLELossless, ExplicitVRLittleEndian], RLELossless),
        ([ImplicitVRLittleEndian], ImplicitVRLittleEndian),
    ):
        there = serve([VERIFICATION, (CT, syntaxes)], [(evt.EVT_C_STORE, keep)])
        assert send_files([tmp_path / "rle.dcm"], there, allowed=True, patience=HURRY)[0].stored
        assert received[-1].file_meta.TransferSyntaxUID == expected
        np.testing.assert_array_equal(received[-1].pixel_array, pixels)


@pytest.mark.parametrize(
    ("status", "stored", "words"),
    [
        (0xB000, True, "changed some"), (0xA700, False, "out of room"), (0xA900, False, "does not fit"),
        (0xC123, False, "cannot understand"), (0x0122, False, "objects of this kind"), (0x0124, False, "authorise"),
        (0x0999, False, "0999"),
    ],
)  # fmt: skip
def test_every_refusal_is_a_sentence_and_the_next_file_is_still_sent(
    patient: LoadedImage, serve: Callable[..., Destination], status: int, stored: bool, words: str
) -> None:
    answers = iter([status, 0x0000])
    there = serve([VERIFICATION, CT], [(evt.EVT_C_STORE, lambda event: next(answers))])
    first, second = send_files(patient.files[:2], there, allowed=True, patience=HURRY)
    assert (first.stored, second.stored, second.remark) == (stored, True, "")
    assert words in first.remark and "SECRET7" not in first.remark


def test_a_kind_of_object_that_the_archive_does_not_take_is_named(
    patient: LoadedImage, tmp_path: Path, serve: Callable[..., Destination]
) -> None:
    mask = LabelMap((patient.volume.array_kji > 0).astype(np.uint8), patient.volume.affine_ijk_to_lps, {1: "x"})
    assert write_seg([(SegmentDescription(1, "Airway"), mask)], patient, tmp_path / "seg.dcm") is None
    there = serve([VERIFICATION, CT], [(evt.EVT_C_STORE, lambda event: 0x0000)])
    seg, ct = send_files([tmp_path / "seg.dcm", patient.files[0]], there, allowed=True, patience=HURRY)
    assert not seg.stored and "Segmentation Storage" in seg.remark
    assert ct.stored


def test_a_refused_connection_tells_whose_name_is_unknown(patient: LoadedImage, serve: Callable[..., Destination]) -> None:
    there = serve([VERIFICATION, CT], ae_title="PACS", require_called_aet=True)
    with pytest.raises(NetworkError, match="does not know itself as OTHER"):
        send_files(patient.files, Destination(there.host, there.port, "OTHER"), allowed=True, patience=HURRY)
    strict = serve([VERIFICATION, CT], require_calling_aet=["FRIEND"])
    with pytest.raises(NetworkError, match="does not know us as SENSECARE"):
        check_connection(strict, allowed=True, patience=HURRY)


def test_nobody_there_is_told_quickly(patient: LoadedImage) -> None:
    start = time.monotonic()
    with pytest.raises(NetworkError, match="cannot be reached"):
        send_files(patient.files, Destination("127.0.0.1", free_port(), "PACS"), allowed=True, patience=HURRY)
    with pytest.raises(NetworkError, match="cannot be reached"):
        check_connection(Destination("no-such-host.invalid", 104, "PACS"), allowed=True, patience=HURRY)
    assert time.monotonic() - start < 30


def test_a_server_that_speaks_no_dicom_is_told(patient: LoadedImage) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        talker = threading.Thread(target=answer, daemon=True)
        talker.start()
        with pytest.raises(NetworkError, match="broke the connection off"):
            send_files(patient.files, Destination("127.0.0.1", listener.getsockname()[1], "PACS"), allowed=True, patience=HURRY)
        talker.join(timeout=5)


def test_a_silent_server_does_not_hold_the_program(patient: LoadedImage, serve: Callable[..., Destination]) -> None:
    release = threading.Event()

    def hang(event: Any) -> int:
        release.wait(20)
        return 0x0000

    there = serve([VERIFICATION, CT], [(evt.EVT_C_STORE, hang)])
    start = time.monotonic()
    found = send_files(patient.files[:2], there, allowed=True, patience=Patience(3.0, 1.0))
    release.set()
    assert time.monotonic() - start < 12
    assert not any(one.stored for one in found) and "lost" in found[0].remark


def test_a_connection_that_dies_once_is_opened_again(patient: LoadedImage, serve: Callable[..., Destination]) -> None:
    received: list[str] = []

    def die_once(event: Any) -> int:
        received.append(str(event.request.AffectedSOPInstanceUID))
        if len(received) == 3:
            event.assoc.abort()
        return 0x0000

    there = serve([VERIFICATION, CT], [(evt.EVT_C_STORE, die_once)])
    found = send_files(patient.files[:5], there, allowed=True, patience=HURRY)
    assert all(one.stored for one in found)
    assert len(received) == 6 and received[2] == received[3], "only the unanswered file is sent twice"


def test_a_connection_that_keeps_dying_is_reported_file_by_file(patient: LoadedImage, serve: Callable[..., Destination]) -> None:
    count = iter(range(100))

    def die(event: Any) -> int:
        if next(count) >= 2:
            event.assoc.abort()
        return 0x0000

    there = serve([VERIFICATION, CT], [(evt.EVT_C_STORE, die)])
    found = send_files(patient.files[:5], there, allowed=True, patience=HURRY)
    assert [one.stored for one in found] == [True, True, False, False, False]
    assert all("lost" in one.remark for one in found[2:])


def test_cancelling_ends_a_wait_at_once(patient: LoadedImage, serve: Callable[..., Destination]) -> None:
    sink, release = Stopper(), threading.Event()

    def hang(event: Any) -> int:
        sink.stop.set()
        release.wait(20)
        return 0x0000

    there = serve([VERIFICATION, CT], [(evt.EVT_C_STORE, hang)])
    start = time.monotonic()
    with pytest.raises(Cancelled):
        send_files(patient.files, there, allowed=True, patience=Patience(3.0, 60.0), progress=Progress(sink))
    assert time.monotonic() - start < 5
    release.set()


def test_logs_hold_no_identity(patient: LoadedImage, serve: Callable[..., Destination], caplog: pytest.LogCaptureFixture) -> None:
    answers = iter([0xC000, 0x0000])
    there = serve([VERIFICATION, CT], [(evt.EVT_C_STORE, lambda event: next(answers))])
    with caplog.at_level(logging.INFO):
        send_files(patient.files[:2], there, allowed=True, patience=HURRY)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("SenseCare")]
    assert any("1 of 2 DICOM files stored" in message for message in ours)
    uid = pydicom.dcmread(patient.files[0]).StudyInstanceUID
    assert not [message for message in ours if "SECRET7" in message or "Doe" in message or uid in message]


def test_what_is_no_dicom_is_refused_before_anything_is_sent(
    patient: LoadedImage, tmp_path: Path, serve: Callable[..., Destination]
) -> None:
    seen: list[object] = []
    there = serve([VERIFICATION, CT], [(evt.EVT_CONN_OPEN, seen.append)])
    (tmp_path / "notes.dcm").write_text("no DICOM")
    with pytest.raises(InputError, match=r"notes\.dcm"):
        send_files([patient.files[0], tmp_path / "notes.dcm", tmp_path / "absent.dcm"], there, allowed=True)
    with pytest.raises(InputError, match="no DICOM files"):
        send_files([], there, allowed=True)
    assert seen == []
    assert describe(patient.files[:1]) == [("IM00001.dcm", "CT Image Storage", patient.files[0].stat().st_size)]


@needs_storescp
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="only POSIX systems can freeze a process")
@pytest.mark.parametrize("cancel", [True, False])
def test_a_frozen_archive_holds_nobody(
    patient: LoadedImage, tmp_path: Path, start_process: Callable[..., Path], cancel: bool
) -> None:
    port = free_port()
    start_process(["storescp", "-aet", "ARCHIVE", "-od", str(tmp_path), str(port)], port)
    (server,) = start_process.running  # type: ignore[attr-defined]

    class Freezer(Stopper):
        def show(self, step: str, fraction: float) -> None:
            if fraction > 0.2:
                server.send_signal(signal.SIGSTOP)
                if cancel:
                    self.stop.set()

    there, start = Destination("127.0.0.1", port, "ARCHIVE"), time.monotonic()
    if cancel:
        with pytest.raises(Cancelled):
            send_files(patient.files, there, allowed=True, patience=Patience(2.0, 60.0), progress=Progress(Freezer()))
    else:
        found = send_files(patient.files, there, allowed=True, patience=Patience(2.0, 1.0), progress=Progress(Freezer()))
        assert found[0].stored and not found[-1].stored and "lost" in found[-1].remark
    assert time.monotonic() - start < 12
    with pytest.raises(NetworkError, match="did not answer within 2 seconds"):
        check_connection(there, allowed=True, patience=Patience(2.0, 1.0))


@needs_orthanc
def test_orthanc_stores_the_files(patient: LoadedImage, tmp_path: Path, start_process: Callable[..., Path]) -> None:
    there, web = start_orthanc(tmp_path, start_process)
    found = send_files(patient.files, there, allowed=True, patience=HURRY)
    assert [one.remark for one in found if not one.stored] == []
    (study,) = ask(web, "/studies")
    main = ask(web, f"/studies/{study}")
    assert main["PatientMainDicomTags"]["PatientID"] == "SECRET7"
    assert len(ask(web, f"/studies/{study}/instances")) == 12


def start_orthanc(tmp_path: Path, start_process: Callable[..., Path]) -> tuple[Destination, int]:
    """Start an empty Orthanc on this machine only; returns where to send, and the port of its REST interface."""
    port, web = free_port(), free_port()
    configuration = {
        "Name": "test", "StorageDirectory": str(tmp_path / "orthanc"), "IndexDirectory": str(tmp_path / "orthanc"),
        "DicomAet": "ORTHANC", "DicomPort": port, "HttpPort": web, "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
        "Plugins": [], "DicomCheckCalledAet": True,
    }  # fmt: skip
    (tmp_path / "orthanc.json").write_text(json.dumps(configuration), encoding="utf-8")
    start_process(["Orthanc", str(tmp_path / "orthanc.json")], port)
    return Destination("127.0.0.1", port, "ORTHANC"), web


def ask(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.loads(answer.read())
