"""Lists and dicts whose changes go back into the node."""

from __future__ import annotations

from collections.abc import MutableMapping, MutableSequence
from typing import Any


class Observed(MutableSequence[Any]):
    """A list whose changes go back into the node."""

    def __init__(self, values: list[Any], store: Any) -> None:
        self._values, self._store = values, store

    def __getitem__(self, at: Any) -> Any:
        return self._values[at]

    def __setitem__(self, at: Any, value: Any) -> None:
        self._values[at] = value
        self._store(self._values)

    def __delitem__(self, at: Any) -> None:
        del self._values[at]
        self._store(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def insert(self, at: int, value: Any) -> None:
        """Insert a value."""
        self._values.insert(at, value)
        self._store(self._values)

    def __eq__(self, other: object) -> bool:
        return self._values == list(other) if isinstance(other, (list, Observed)) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._values)


class ObservedDict(MutableMapping[Any, Any]):
    """A dict whose changes go back into the node."""

    def __init__(self, values: dict[Any, Any], store: Any) -> None:
        self._values, self._store = values, store

    def __getitem__(self, key: Any) -> Any:
        return self._values[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._values[key] = value
        self._store(self._values)

    def __delitem__(self, key: Any) -> None:
        del self._values[key]
        self._store(self._values)

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return self._values == dict(other) if isinstance(other, (dict, ObservedDict)) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._values)
