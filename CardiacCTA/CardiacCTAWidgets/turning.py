"""Seeing the chosen vessel in another way: drawn beside the window, rough while it is turned and fine when it rests."""

import logging
from typing import Any

from SenseCarePlanningWidgets.background import Newest

logger = logging.getLogger(__name__)

ROUGH, FINE = 2, 1
"""While the vessel is turned only every so many pixels are sampled."""


class Turning:
    """Draws the session's vessel as it is wished to be seen; only the newest wish counts.

    Parameters
    ----------
    session
        Its ``along`` is replaced, and its listeners are told ``seen``.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._newest = Newest(self._drawn, self._not_drawn)

    @property
    def busy(self) -> bool:
        """Whether a picture is being drawn."""
        return self._newest.busy

    def wish(self, stride: int = ROUGH) -> None:
        """Draw the vessel as the session's ``cut`` says."""
        along, cut = self._session.along, self._session.cut
        if along is not None:
            self._newest.wish(lambda: (along.views, along.seen(cut, stride), stride))

    def forget(self) -> None:
        """Leave what is being drawn."""
        self._newest.forget()

    def _drawn(self, found: Any) -> None:
        views, seen, stride = found
        session = self._session
        if session.along is None or session.along.views is not views:  # another vessel, or other walls, meanwhile
            return
        session.along = seen
        session.tell("seen")
        if stride > FINE and not self._newest.waiting:
            self.wish(FINE)

    def _not_drawn(self, failure: Exception) -> None:
        """Stay with what is seen."""
        logger.info("vessel not turned: %s", type(failure).__name__)
        if self._session.along is not None:
            self._session.cut = self._session.along.cut
            self._session.tell("seen")
