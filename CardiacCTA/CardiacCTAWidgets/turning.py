"""Seeing the chosen vessel in another way: drawn beside the window, rough while it is turned and fine when it rests."""

import logging
from typing import Any

from SenseCarePlanningWidgets.background import Background

logger = logging.getLogger(__name__)

ROUGH = 2
"""Only every so many pixels are sampled while the vessel is turned."""


class Turning:
    """Draws the session's vessel as it is wished to be seen; only the newest wish counts.

    Parameters
    ----------
    session
        Its ``along`` is replaced, and its listeners are told ``seen``.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._work: Any = None
        self._stride = 0
        self._shown: Any = None

    @property
    def busy(self) -> bool:
        """Whether a picture is being drawn."""
        return self._work is not None

    def wish(self) -> None:
        """Draw the vessel as the session's ``cut`` says; called again while it is drawn, the newest is drawn afterwards."""
        if self._work is None and self._session.along is not None:
            self._draw(ROUGH)

    def forget(self) -> None:
        """Leave what is being drawn."""
        if self._work is not None:
            self._work.forget()
        self._work = None

    def _draw(self, stride: int) -> None:
        along, cut = self._session.along, self._session.cut
        self._stride = stride
        self._work = Background(lambda: along.seen(cut, stride), lambda found: self._drawn(along, found), self._not_drawn)
        self._work.start()

    def _drawn(self, before: Any, found: Any) -> None:
        self._work = None
        session = self._session
        if session.along is not before:  # another vessel, or other walls, meanwhile
            if session.along is not None and session.along.cut != session.cut:
                self._draw(ROUGH)
            return
        session.along = found
        session.tell("seen")
        if session.cut != found.cut:
            self._draw(ROUGH)
        elif self._stride > 1:
            self._draw(1)

    def _not_drawn(self, failure: Exception) -> None:
        """Stay with what is seen: a vessel that runs straight along the rows cannot be stretched."""
        self._work = None
        logger.info("vessel not turned: %s", type(failure).__name__)
        self._session.cut = self._session.along.cut
        self._session.tell("seen")
