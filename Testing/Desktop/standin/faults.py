"""What went wrong without an exception reaching the test: the desktop prints such things and goes on."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fault:
    """One thing that the desktop would only have printed.

    ``kind`` is one of ``slot exception``, ``unknown signal``, ``ui file``, ``unexpected dialog``, ``module exception``.
    """

    kind: str
    text: str


@dataclass
class Recorder:
    """Collects faults; the fixture fails a test that leaves one behind."""

    faults: list[Fault] = field(default_factory=list)

    def add(self, kind: str, text: str) -> None:
        """Record a fault and print it, as the desktop does."""
        self.faults.append(Fault(kind, text))
        print(f"[{kind}] {text}", file=sys.stderr)

    def exception(self, kind: str = "slot exception") -> None:
        """Record the exception being handled."""
        self.add(kind, traceback.format_exc().strip())

    def take(self, text: str = "") -> list[Fault]:
        """Remove and return the faults that contain a text: the test expected them."""
        taken = [fault for fault in self.faults if text in fault.kind or text in fault.text]
        self.faults = [fault for fault in self.faults if fault not in taken]
        return taken


RECORDER = Recorder()
