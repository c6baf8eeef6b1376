"""Ends in values: found, taken out of their owner's hands when sent, adopted when received.

Invariant: the old handle of an end that was sent is closed when the value is committed, not before.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable
from typing import Any, cast

import msgspec

from ._core import LEAVES
from ._end import CLOSED, TRAVELLING, End
from ._errors import EndClosed, explained
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
                if new._owner is CLOSED:  # whoever has got it retired it before we came
                    old._retire()
                old._leave("")
                old._story = f"you sent this {old._what} of `{old._core.name}` away"
            elif old._owner is CLOSED:  # it was retired while it was offered
                new._retire()
            else:
                new._leave("")


def pack(value: Any, *, check: bool = True) -> tuple[Any, Cargo | None]:
    """`value` with each end in it replaced by one that travels, and what to settle.

    Raises EndClosed if one is not the caller's; `check=False` does not ask.
    """
    cargo = Cargo()
    seen: set[End] = set()

    def move(end: End) -> End:
        if check:
            end._acting()
        elif end._owner is CLOSED:
            return end
        if end in seen:
            problem = (
                f"the {end._what} of `{end._core.name}` stands in the value twice: `.clone()` it"
            )
            raise explained(EndClosed(problem), "closed-end")
        seen.add(end)
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


def map_ends(value: Any, change: Callable[[Any], Any], of: Any = End) -> Any:
    """`value` with `change` applied to each end in it; the same object if there is none.

    Looks into lists, tuples, dicts, dataclasses and Structs, and into whatever says how in
    `_map_ends` (alternations).  `of` says what to look for instead of ends.  Raises ValueError
    for a value with an end that is too deep to be rebuilt.
    """
    if type(value) in LEAVES or not find(value, of):
        return value
    try:
        return mapped(value, change, of)
    except RecursionError:
        raise ValueError(
            "a value with an end in it may not hold itself, nor be nested that deep: send the "
            "end by itself"
        ) from None


def find(value: Any, of: Any = End) -> list[Any]:
    """The ends in a value, in no order; values may be deep, and hold themselves."""
    return find_among([value], of)


def find_among(pending: list[Any], of: Any = End) -> list[Any]:
    """The ends in the values of a list, which is used up."""
    found: list[Any] = []
    seen: set[int] = set()
    while pending:
        at = pending.pop()
        shape = _shape(_class_of(at), of)
        if shape == NOTHING:
            continue
        if shape == SOUGHT:
            found.append(at)
        elif shape == MAPS:
            at._map_ends(functools.partial(_note, found))
        elif id(at) not in seen and (inside := _inside(at, shape)):
            seen.add(id(at))
            pending.extend(inside)
    return found


def _note(found: list[Any], end: Any) -> Any:
    found.append(end)
    return end


_class_of: Callable[[Any], Any] = type  # a cast at each use would be a call

# where in a value of a class something is looked for
NOTHING, SOUGHT, MAPS, ITEMS, VALUES, FIELDS = range(6)


@functools.lru_cache(1000)
def _shape(kind: Any, of: Any) -> int:
    if kind in LEAVES:
        return NOTHING
    if issubclass(kind, of):
        return SOUGHT
    if hasattr(kind, "_map_ends"):
        return MAPS if of is End or (isinstance(of, tuple) and End in of) else NOTHING
    if kind is list or issubclass(kind, tuple):
        return ITEMS
    if kind is dict:
        return VALUES
    return FIELDS if _fields(kind) else NOTHING


def _inside(value: Any, shape: int) -> Any:
    """Where ends are looked for."""
    if shape == ITEMS:
        return value
    if shape == VALUES:
        return value.values()
    return [getattr(value, name, None) for name in _fields(_class_of(value))]


def _fields(kind: Any) -> Iterable[str]:
    """The fields of a dataclass or Struct."""
    fields: Any = getattr(kind, "__dataclass_fields__", None) or ()
    return fields or cast("Iterable[str]", getattr(kind, "__struct_fields__", ()))


def mapped(value: Any, change: Callable[[Any], Any], of: Any = End) -> Any:
    """As `map_ends`, of a value that is known to hold an end."""
    kind = _class_of(value)
    shape = _shape(kind, of)
    if shape == NOTHING:
        return value
    if shape == SOUGHT:
        return change(value)
    if shape == MAPS:
        return value._map_ends(change)
    if shape == ITEMS:
        return _map_items(value, kind, change, of)
    if shape == VALUES:
        changed = {k: mapped(v, change, of) for k, v in value.items()}
        return value if all(changed[k] is value[k] for k in value) else changed
    return _map_fields(value, list(_fields(kind)), change, of)


def _map_items(value: Any, kind: Any, change: Callable[[Any], Any], of: Any) -> Any:
    items: list[Any] = []
    changed = False
    for item in value:
        new = mapped(item, change, of)
        changed = changed or new is not item
        items.append(new)
    if not changed:
        return value
    if hasattr(kind, "_fields"):  # a named tuple
        return kind(*items)
    return kind(items)


def _map_fields(value: Any, fields: list[str], change: Callable[[Any], Any], of: Any) -> Any:
    changed: dict[str, Any] = {}
    for name in fields:
        old = getattr(value, name, None)
        new = mapped(old, change, of)
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
