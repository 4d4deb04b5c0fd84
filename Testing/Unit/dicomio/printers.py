"""Print servers for the tests: dcmtk's dcmprscp, and one of pynetdicom that refuses, fails and dies as it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import evt

from SenseCarePlanningLib.dicomio.film_print import IMAGE_BOX, META, PRINTER, PRINTER_INSTANCE
from SenseCarePlanningLib.dicomio.network import Destination

CONFIGURATION = """[[GENERAL]]
[PRINT]
Directory = spool
[DATABASE]
Directory = database
[[COMMUNICATION]]
[PRINTER]
Aetitle = PRINTER
Description = Printer of the tests
Hostname = localhost
Port = {port}
Type = LOCALPRINTER
{settings}
"""
FULL = {
    "DisplayFormat": r"1,1\1,2\2,2\2,3\3,3\3,4\3,5\4,4\4,5\4,6\4,7\4,8\4,9\6,6\7,6",
    "FilmSizeID": r"8INX10IN\10INX12IN\11INX14IN\14INX17IN",
    "MediumType": r"PAPER\CLEAR FILM\BLUE FILM",
    "MagnificationType": r"REPLICATE\BILINEAR\CUBIC\NONE",
    "BorderDensity": r"BLACK\WHITE",
    "EmptyImageDensity": r"BLACK\WHITE",
    "Supports12Bit": "true",
    "SupportsImageSize": "true",
}


def write_configuration(folder: Path, port: int, settings: dict[str, str]) -> Path:
    """Write what dcmprscp reads, and the folders it stores prints in."""
    for name in ("spool", "database"):
        (folder / name).mkdir(parents=True)
    text = "\n".join(f"{name} = {value}" for name, value in settings.items())
    (folder / "printer.cfg").write_text(CONFIGURATION.format(port=port, settings=text), encoding="utf-8")
    return folder / "printer.cfg"


@dataclass
class Printer:
    """A print server whose behaviour a test sets.

    Parameters
    ----------
    state
        Printer status and info for each N-GET; the last is repeated.
    refuse_12_bit
        Status for images of 12 bit; 0 takes them.
    image_answers
        Statuses of the next N-SETs, before all others succeed; None drops the connection instead.
    order_answers
        The same for N-ACTION.
    box_count
        Image boxes to make whatever the layout says; None makes the right number.
    session_answers, box_answers
        Statuses of the next N-CREATEs.
    chatty
        Send an N-EVENT-REPORT of a warning before each answer to an N-SET.
    """

    state: list[tuple[str, str]] = field(default_factory=lambda: [("NORMAL", "NORMAL")])
    refuse_12_bit: int = 0
    image_answers: list[int | None] = field(default_factory=list)
    order_answers: list[int | None] = field(default_factory=list)
    box_count: int | None = None
    session_answers: list[int] = field(default_factory=list)
    box_answers: list[int] = field(default_factory=list)
    chatty: bool = False
    before_image: Callable[[], None] = lambda: None
    created: list[Dataset] = field(default_factory=list)
    images: list[Dataset] = field(default_factory=list)
    ordered: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    connections: int = 0

    def handlers(self) -> list[Any]:
        """Return what pynetdicom binds."""
        return [
            (evt.EVT_CONN_OPEN, self._opened), (evt.EVT_N_GET, self._get), (evt.EVT_N_CREATE, self._create),
            (evt.EVT_N_SET, self._set), (evt.EVT_N_ACTION, self._action), (evt.EVT_N_DELETE, self._delete),
        ]  # fmt: skip

    def start(self, serve: Callable[..., Destination]) -> Destination:
        """Start it."""
        return serve([META], self.handlers(), ae_title="PRINTER")

    def _opened(self, event: Any) -> None:
        self.connections += 1

    def _get(self, event: Any) -> tuple[int, Dataset]:
        assert event.request.RequestedSOPInstanceUID == PRINTER_INSTANCE
        state = self.state.pop(0) if len(self.state) > 1 else self.state[0]
        found = Dataset()
        found.PrinterStatus, found.PrinterStatusInfo = state
        return 0x0000, found

    def _create(self, event: Any) -> tuple[int, Dataset | None]:
        attributes = event.attribute_list
        answers = self.box_answers if "ImageDisplayFormat" in attributes else self.session_answers
        status = answers.pop(0) if answers else 0x0000
        self.created.append(attributes)
        if status not in (0x0000, 0xB600):
            return status, None
        if "ImageDisplayFormat" in attributes:
            columns, rows = str(attributes.ImageDisplayFormat).rpartition("\\")[2].split(",")
            count = int(columns) * int(rows) if self.box_count is None else self.box_count
            attributes.ReferencedImageBoxSequence = [_reference(number) for number in range(1, count + 1)]
        return status, attributes

    def _set(self, event: Any) -> tuple[int, Dataset | None]:
        self.before_image()
        if self.chatty:
            self._report(event)
        attributes = event.attribute_list
        if self.image_answers:
            status = self.image_answers.pop(0)
            if status is None:
                event.assoc.abort()
            elif status:
                return status, None
        if self.refuse_12_bit and attributes.BasicGrayscaleImageSequence[0].BitsStored == 12:
            return self.refuse_12_bit, None
        self.images.append(attributes)
        return 0x0000, None

    def _report(self, event: Any) -> None:
        """Send an N-EVENT-REPORT while the caller waits for another answer."""
        from io import BytesIO

        from pynetdicom.dimse_primitives import N_EVENT_REPORT
        from pynetdicom.dsutils import encode

        request = N_EVENT_REPORT()
        request.MessageID, request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = 77, PRINTER, PRINTER_INSTANCE
        request.EventTypeID = 2
        information = Dataset()
        information.PrinterStatusInfo = "SUPPLY LOW"
        syntax = event.context.transfer_syntax
        request.EventInformation = BytesIO(encode(information, syntax.is_implicit_VR, syntax.is_little_endian) or b"")
        event.assoc.dimse.send_msg(request, event.context.context_id)

    def _action(self, event: Any) -> tuple[int, Dataset | None]:
        status = self.order_answers.pop(0) if self.order_answers else 0x0000
        self.ordered.append(str(event.request.RequestedSOPInstanceUID))
        if status is None:
            event.assoc.abort()
            return 0x0000, None
        return status, None

    def _delete(self, event: Any) -> int:
        self.deleted.append(str(event.request.RequestedSOPClassUID))
        return 0x0000


def _reference(number: int) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = IMAGE_BOX, f"1.2.3.{number}"
    return item


def pixels_of(image: Dataset) -> tuple[int, bytes]:
    """Return bits stored and pixel data of an image box's image."""
    item = image.BasicGrayscaleImageSequence[0]
    return int(item.BitsStored), bytes(item.PixelData)


__all__: Sequence[str] = ("FULL", "Printer", "pixels_of", "write_configuration")
