"""A DICOM connection as its caller: where to, opened with a sentence on every failure, and a wait that the user can end."""

from __future__ import annotations

import logging
import queue
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from ..errors import Cancelled, InputError, SenseCareError

logger = logging.getLogger(__name__)

CALLING_AE = "SENSECARE"
LONGEST_AE = 16
"""Characters of an AE title (DICOM PS3.5 6.2)."""

LOOK_EVERY_S = 0.1
"""So often a wait looks whether the user asked to stop."""

_DESTINATION = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^:\[\]\s]+):(?P<port>\d{1,5}):(?P<ae>[^\\]+)")


class NetworkError(SenseCareError):
    """The other side could not be reached, refused, or was lost on the way."""


@dataclass(frozen=True)
class Destination:
    """A DICOM node.

    Parameters
    ----------
    host, port
        Name or address, and TCP port.
    called_ae
        Its AE title.
    calling_ae
        Ours; many nodes answer only to titles that they know.
    """

    host: str
    port: int
    called_ae: str
    calling_ae: str = CALLING_AE

    def __post_init__(self) -> None:
        problems = [*_ae_problems(self.called_ae), *_ae_problems(self.calling_ae)]
        if not self.host or any(character.isspace() for character in self.host):
            problems.append(f"{self.host!r} is no host name or address")
        if not 0 < self.port < 65536:
            problems.append(f"{self.port} is no port: expected 1 to 65535")
        if problems:
            raise InputError("The DICOM destination cannot be used.", problems)

    @staticmethod
    def parse(text: str, calling_ae: str = CALLING_AE) -> Destination:
        """Read ``HOST:PORT:AET``; an IPv6 address stands in brackets.

        Raises
        ------
        InputError
            When the text is anything else.
        """
        found = _DESTINATION.fullmatch(text.strip())
        if found is None:
            raise InputError(f"{text!r} is no DICOM destination; expected HOST:PORT:AET, such as 10.0.0.5:104:PACS.")
        return Destination(found["host"].strip("[]"), int(found["port"]), found["ae"].strip(), calling_ae)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}:{self.called_ae}"


def _ae_problems(title: str) -> list[str]:
    if title.strip() and len(title) <= LONGEST_AE and title.isascii() and title.isprintable() and "\\" not in title:
        return []
    return [f"{title!r} is no AE title: expected 1 to {LONGEST_AE} ASCII characters, no backslash"]


@dataclass(frozen=True)
class Patience:
    """Seconds to wait: for the connection and its opening, and for each answer."""

    connect_s: float = 10.0
    answer_s: float = 60.0


@dataclass(eq=False)
class Link:
    """An open association.

    Parameters
    ----------
    association
        pynetdicom's; its ``send_*`` methods wait no longer than the patience, and end with ``Cancelled`` when asked to.
    reports
        N-EVENT-REPORTs of the other side so far: (SOP class, event type, attributes).
    lost
        Whether an answer has failed to come: known at once, while pynetdicom's own state follows a little later.
    """

    association: Any
    reports: list[tuple[str, int, Any]] = field(default_factory=list)
    lost: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the other side is still there."""
        return bool(self.association.is_established) and not self.lost

    def accepts(self, sop_class: str) -> tuple[str, ...]:
        """Return the transfer syntaxes that the other side takes for a SOP class; none when it does not take it."""
        contexts = self.association.accepted_contexts
        return tuple(str(one.transfer_syntax[0]) for one in contexts if one.abstract_syntax == sop_class)


def require_consent(allowed: bool, destination: Destination) -> None:
    """Refuse to open a connection that the caller did not allow.

    Raises
    ------
    InputError
        Without a yes; nothing has left the machine.
    """
    if not allowed:
        raise InputError(f"Nothing was sent to {destination}: it was not confirmed that these data may leave this machine.")


@contextmanager
def open_link(
    destination: Destination,
    contexts: Mapping[str, Sequence[Sequence[str]]],
    *,
    allowed: bool,
    patience: Patience | None = None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Link]:
    """Open an association, and release it at the end; after an error or a cancel it is aborted.

    Parameters
    ----------
    contexts
        SOP class -> lists of transfer syntaxes, each of which the other side may accept on its own.
    allowed
        The user's explicit yes to this destination.
    is_cancelled
        Asked several times a second while waiting.

    Raises
    ------
    InputError
        Without the yes.
    NetworkError
        When the association is not opened, with the reason.
    Cancelled
        From within, when the user asked to stop.
    """
    require_consent(allowed, destination)
    patience = patience or Patience()
    start = time.monotonic()
    link, opening = _open(destination, contexts, patience)
    if not link.is_open:
        waited_s = time.monotonic() - start
        raise NetworkError(_why_not_open(destination, link.association, opening, patience, waited_s))
    _wait_our_way(link, patience, is_cancelled)
    finished = False
    try:
        yield link
        finished = True
    finally:
        association = link.association
        if finished and link.is_open:
            association.release()
        else:
            association._reactor_checkpoint.set()  # a cancelled wait has left it paused
            with suppress(OSError):
                association.abort(block=False)
        association.kill()


@dataclass
class _Opening:
    """What was seen while the association was being opened."""

    connected: bool = False
    answered: bool = False
    rejection: str = ""


def _open(destination: Destination, contexts: Mapping[str, Sequence[Sequence[str]]], patience: Patience) -> tuple[Link, _Opening]:
    from pynetdicom import AE, evt
    from pynetdicom.pdu import A_ASSOCIATE_RJ

    entity = AE(ae_title=destination.calling_ae)
    entity.acse_timeout = entity.connection_timeout = patience.connect_s
    entity.dimse_timeout, entity.network_timeout = patience.answer_s, None
    for sop_class, groups in contexts.items():
        for syntaxes in groups:
            entity.add_requested_context(sop_class, list(syntaxes))
    opening, reports = _Opening(), list[tuple[str, int, Any]]()

    def on_open(event: Any) -> None:
        """Note that the other side answers at all, and let short messages go out at once."""
        opening.connected = True
        # A message is two short writes: without this the second waits for the other side's delayed acknowledgement, 40 ms.
        with suppress(AttributeError, OSError):
            event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def on_unit(event: Any) -> None:
        """Note that the other side speaks DICOM, and why it refuses."""
        opening.answered = True
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            opening.rejection = event.pdu.reason_str

    def on_report(event: Any) -> tuple[int, None]:
        """Keep the report of a print job or commitment; always accepted."""
        try:
            information = event.event_information
        except Exception:  # an undecodable report is no reason to lose the work
            information = None
        reports.append((str(event.request.AffectedSOPClassUID), int(event.event_type or 0), information))
        return 0x0000, None

    handlers: list[Any] = [(evt.EVT_CONN_OPEN, on_open), (evt.EVT_PDU_RECV, on_unit), (evt.EVT_N_EVENT_REPORT, on_report)]
    try:
        association = entity.associate(destination.host, destination.port, ae_title=destination.called_ae, evt_handlers=handlers)
    except OSError as error:  # a host name that nobody knows
        raise NetworkError(_cannot_be_reached(destination), detail=str(error)) from error
    return Link(association, reports), opening


def _cannot_be_reached(destination: Destination) -> str:
    return f"{destination} cannot be reached: nothing answers there. Check host and port, and whether the other side is running."


def _why_not_open(destination: Destination, association: Any, opening: _Opening, patience: Patience, waited_s: float) -> str:
    where = str(destination)
    if not opening.connected:
        return _cannot_be_reached(destination)
    if association.is_rejected:
        known = {
            "Called AE title not recognised": f"it does not know itself as {destination.called_ae}; check the AE title",
            "Calling AE title not recognised": f"it does not know us as {destination.calling_ae}; "
            "have that AE title entered there, or call under another one",
        }
        reason = known.get(opening.rejection, opening.rejection[:1].lower() + opening.rejection[1:] or "it gives no reason")
        return f"{where} refused the connection: {reason}."
    if association.rejected_contexts and not association.accepted_contexts:
        return f"{where} answers, but offers none of the DICOM services asked for; it may be a node for another purpose."
    if waited_s >= patience.connect_s and not opening.answered:
        return f"{where} took the connection but did not answer within {patience.connect_s:g} seconds; it may hang."
    return f"{where} broke the connection off while it was being opened; is it a DICOM node?"


def _wait_our_way(link: Link, patience: Patience, is_cancelled: Callable[[], bool]) -> None:
    """Replace pynetdicom's wait for an answer.

    Its own takes an N-EVENT-REPORT that comes before the answer for the answer, and aborts; it cannot be ended; and now and
    then its second thread, not yet paused, takes the answer away, so that the caller waits in vain.
    """
    association, provider = link.association, link.association.dimse
    at_once = provider.get_msg

    def get_msg(block: bool = False) -> tuple[Any, Any]:
        """Wait for a message as long as we are patient, and end the wait when the user cancels."""
        if not block:  # the second thread: it may serve requests, nothing else
            _, waiting = provider.peek_msg()
            found: tuple[Any, Any] = at_once(block=False) if waiting is not None and waiting.is_valid_request else (None, None)
            return found
        deadline = time.monotonic() + patience.answer_s
        while True:
            if is_cancelled():
                raise Cancelled()
            try:
                context, message = provider.msg_queue.get(timeout=LOOK_EVERY_S)
            except queue.Empty:
                if time.monotonic() > deadline:
                    link.lost = True
                    return None, None
                continue
            if message is not None and message.is_valid_request:
                association._serve_request(message, context)
                continue
            link.lost = message is None
            return context, message

    provider.get_msg = get_msg
