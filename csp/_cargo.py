"""Ends in values: found, taken out of their owner's hands when sent, adopted when received.

Invariant: the old handle of an end that was sent is closed when the value is committed, not before.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, cast

import msgspec

from ._core import LEAVES
from ._end import CLOSED, TRAVELLING, End
from ._kernel import Holder


class Cargo:
    """The old and new handles of the ends in a value on its way."""

    __slots__ = ("pairs",)

    def __init__(self) -> None:
        self.pairs: list[tuple[End, End]] = []

    def settle(self, committed: bool) -> None:
        """Close the old handles, or the new ones if the value was not taken."""
        for old, new in self.pairs:
            if committed:
                old._leave(f"you sent this {old._what} of `{old._core.name}` away")
            else:
                new._leave("")


def pack(value: Any, *, check: bool = True) -> tuple[Any, Cargo | None]:
    """`value` with each end in it replaced by one that travels, and what to settle.

    Raises EndClosed if one is not the caller's; `check=False` does not ask.
    """
    cargo = Cargo()

    def move(end: End) -> End:
        if check:
            end._acting()
        elif end._owner is CLOSED:
            return end
        new = end._twin(TRAVELLING)
        cargo.pairs.append((end, new))
        return new

    value = map_ends(value, move)
    return value, cargo if cargo.pairs else None


def unpack(value: Any, holder: Holder | None) -> None:
    """The ends in a received value belong to the receiver from now on."""

    def take(end: End) -> End:
        end._adopt(holder)
        return end

    map_ends(value, take)


def map_ends(value: Any, change: Callable[[Any], Any], of: type = End) -> Any:
    """`value` with `change` applied to each end in it; the same object if there is none.

    Looks into lists, tuples, dicts, dataclasses and Structs, and into whatever says how in
    `_map_ends` (alternations).  `of` says what to look for instead of ends.
    """
    kind: Any = cast(Any, type(value))
    if kind in LEAVES:
        return value
    if issubclass(kind, of):
        return change(value)
    if of is End and hasattr(kind, "_map_ends"):
        return value._map_ends(change)
    if kind is list or issubclass(kind, tuple):
        return _map_items(value, kind, change, of)
    if kind is dict:
        changed = {k: map_ends(v, change, of) for k, v in value.items()}
        return value if all(changed[k] is value[k] for k in value) else changed
    fields: Any = getattr(kind, "__dataclass_fields__", None)
    fields = fields or getattr(kind, "__struct_fields__", None)
    return value if fields is None else _map_fields(value, list(fields), change, of)


def _map_items(value: Any, kind: Any, change: Callable[[Any], Any], of: type) -> Any:
    items = [map_ends(item, change, of) for item in value]
    if all(a is b for a, b in zip(items, value, strict=True)):
        return value
    if hasattr(kind, "_fields"):  # a named tuple
        return kind(*items)
    return kind(items)


def _map_fields(value: Any, fields: list[str], change: Callable[[Any], Any], of: type) -> Any:
    changed: dict[str, Any] = {}
    for name in fields:
        old = getattr(value, name, None)
        new = map_ends(old, change, of)
        if new is not old:
            changed[name] = new
    if not changed:
        return value
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **changed)
    result = copy.copy(value)
    for name, new in changed.items():
        object.__setattr__(result, name, new)  # also of a frozen dataclass
    return result
