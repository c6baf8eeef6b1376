"""Map and reduce over a pool.

Source: J. Dean, S. Ghemawat, "MapReduce: Simplified Data Processing on Large Clusters", OSDI 2004.
Not here: files between the stages; what the mappers return is kept in this program's memory, encoded.

Invariant: which partition a key is in depends on its encoded bytes only, so all programs agree on it.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, cast

import csp
from csp.lowlevel import assignable

from ._batches import decoded, encoded
from ._codec import Codec, codec
from ._errors import TypeRefused
from ._pool import pool
from ._shape import described
from .placement._program import Placement
from .placement._target import Target, is_async

Q = TypeVar("Q")
K = TypeVar("K")
V = TypeVar("V")
A = TypeVar("A")

PLACES = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Job:
    """What all requests of one `map_reduce` are about."""

    mapper: Target
    reducer: Target
    combiner: Target | None
    partitions: int


@dataclass(frozen=True)
class Task:
    """One request: an input for the mapper, or with `reduces` what is in one partition."""

    job: Job
    data: list[bytes]
    reduces: bool = False


class _Functions(NamedTuple):
    """A job where it can be run: its functions, and how their values travel."""

    mapper: Callable[[Any], Iterable[tuple[Any, Any]]]
    reducer: Callable[[Any, list[Any]], Any]
    combiner: Callable[[Any, list[Any]], Any] | None
    request: Codec
    key: Codec
    pairs: Codec
    results: Codec


async def map_reduce(
    mapper: Callable[[Q], Iterable[tuple[K, V]]],
    reducer: Callable[[K, list[V]], A],
    inputs: Iterable[Q] | AsyncIterable[Q],
    /,
    *,
    workers: Placement,
    combiner: Callable[[K, list[V]], V] | None = None,
    partitions: int | None = None,
    progress: bool = False,
    timeout: float | None = None,
    max_attempts: int = 3,
) -> dict[K, A]:
    """Call `mapper` for each input, then `reducer` with each key and all its values, in `workers`.

    `combiner` makes one value of those of a key in the mapper's program, before they travel; the
    reducer gets what it returns.  `partitions` is in how many parts the keys are reduced (default:
    one for each program).  The values of a key come in the order of the inputs.  The other
    arguments are those of `pool` and `Pool.map`.

    All three are functions at the top of a file, with annotations; the mapper returns or yields
    pairs: `-> list[tuple[str, int]]`, `-> Iterator[tuple[str, int]]`.  By these the pairs travel, so
    they are held against what the reducer and the combiner take, and against what the combiner
    returns, before anything runs.  Wider types fit (`numbers: Iterable[float]`), and so does a
    parameter without an annotation.

    Raises csp.RequestFailed if one of them fails, csp.ChannelTypeError for an input of another type
    than the mapper takes, TypeError for functions that cannot be placed and inputs that are none,
    TypeRefused (a TypeError) for types that are missing, cannot travel or do not fit, ValueError for
    fewer than 1 partition, PoolFailed if no program is left.

        def words(file: str) -> Iterator[tuple[str, int]]:
            for word in Path(file).read_text().split():
                yield word, 1

        def total(word: str, numbers: list[int]) -> int:
            return sum(numbers)

        counted = await netchannels.map_reduce(words, total, files, workers=Cores())

    >>> import csp
    >>> from netchannels import Cores
    >>> async def main() -> None:
    ...     try:
    ...         await map_reduce(len, max, ["a"], workers=Cores(1))
    ...     except TypeRefused as error:
    ...         print(str(error).partition(":")[0])
    >>> csp.run(main)
    `len` does not say what pairs it returns
    """
    count = workers.size if partitions is None else partitions
    if not isinstance(cast(object, count), int) or count < 1:
        raise ValueError(f"partitions is 1 or more, not {partitions!r}")
    if not isinstance(cast(object, inputs), (Iterable, AsyncIterable)):
        raise TypeError(f"inputs is an iterable or async iterable, not {inputs!r}")
    combining = Target.of(combiner) if combiner is not None else None
    job = Job(Target.of(mapper), Target.of(reducer), combining, count)
    functions = _functions(mapper, reducer, combiner)
    shuffled: list[list[bytes]] = [[] for _ in range(count)]
    found: dict[K, A] = {}
    async with pool(
        run_task, workers=workers, timeout=timeout, max_attempts=max_attempts
    ) as running:

        def task(value: Q) -> Task:
            return Task(job, [encoded(value, functions.request, mapper.__name__)])

        async for parts in running.map(_each(task, inputs), progress=progress):
            for part, data in zip(shuffled, parts, strict=True):
                if data:
                    part.append(data)
        reducing = [Task(job, part, reduces=True) for part in shuffled if part]
        async for results in running.map(reducing, progress=progress):
            try:
                found.update(decoded(results[0], functions.results, reducer.__name__))
            except TypeError as error:
                raise csp.RequestFailed(str(error)) from None
    return found


def _each(task: Callable[[Any], Task], inputs: Any) -> Iterable[Task] | AsyncIterable[Task]:
    if not isinstance(inputs, AsyncIterable):
        return map(task, inputs)

    async def each() -> AsyncIterator[Task]:
        async for value in cast("AsyncIterable[Any]", inputs):
            yield task(value)

    return each()


# --- in the programs -----------------------------------------------------------------------


def run_task(task: Task) -> list[bytes]:
    """The encoded partitions of what a mapper returns (b"" for an empty one), or a reducer's results."""
    functions = _loaded(task.job)
    if task.reduces:
        maker = (functions.combiner or functions.mapper).__name__
        read = (pair for data in task.data for pair in decoded(data, functions.pairs, maker))
        results = [(key, functions.reducer(key, values)) for key, values in _grouped(read)]
        return [functions.results.encode(results)]
    parts: list[list[tuple[Any, Any]]] = [[] for _ in range(task.job.partitions)]
    mapped = functions.mapper(functions.request.decode(task.data[0]))
    pairs: Iterable[tuple[Any, Any]] = mapped
    if functions.combiner is not None:
        pairs = ((key, functions.combiner(key, values)) for key, values in _grouped(mapped))
    encode = functions.key.encode
    for pair in pairs:
        parts[zlib.crc32(encode(pair[0])) % len(parts)].append(pair)
    return [functions.pairs.encode(part) if part else b"" for part in parts]


def _grouped(pairs: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, list[Any]]]:
    groups: dict[Any, list[Any]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    yield from groups.items()


@functools.lru_cache(100)
def _loaded(job: Job) -> _Functions:
    combiner = job.combiner.load() if job.combiner is not None else None
    return _functions(job.mapper.load(), job.reducer.load(), combiner)


def _functions(mapper: Any, reducer: Any, combiner: Any) -> _Functions:
    """Raises TypeRefused if the types are not said, cannot travel, or do not fit."""
    for function in (mapper, reducer, combiner):
        if function is not None and is_async(function):
            raise TypeRefused(
                f"`{function.__name__}` is an `async def`, and map_reduce calls plain functions: write "
                f"`def`, or `async with pool(...)` and its `map`"
            )
    hints = _hints(mapper)
    returned = hints.pop("return", None)
    pair = (typing.get_args(returned) or (None,))[0]
    kinds = typing.get_args(pair)
    if not hints or typing.get_origin(pair) is not tuple or len(kinds) != 2:
        raise TypeRefused(
            f"`{mapper.__name__}` does not say what pairs it returns: annotate it, as in "
            f"`def {mapper.__name__}(line: str) -> list[tuple[str, int]]`"
        )
    if getattr(typing.get_origin(kinds[0]) or kinds[0], "__hash__", None) is None:
        raise TypeRefused(
            f"`{mapper.__name__}` returns keys of type `{described(kinds[0])}`, which no dict takes: "
            f"write a tuple for a list, and `@dataclass(frozen=True)` for a dataclass"
        )
    request = next(iter(hints.values()))
    hints = _hints(reducer)
    if "return" not in hints:
        raise TypeRefused(f"`{reducer.__name__}` does not say what it returns: annotate it")
    _refuse_misfits(mapper.__name__, kinds, reducer)
    if combiner is not None:
        _refuse_misfits(mapper.__name__, kinds, combiner, combines=True)
    return _Functions(
        mapper,
        reducer,
        combiner,
        codec(request),
        codec(kinds[0]),
        codec(_list_of_pairs(*kinds)),
        codec(_list_of_pairs(kinds[0], hints["return"])),
    )


def _refuse_misfits(mapper: str, kinds: Any, function: Any, *, combines: bool = False) -> None:
    """Raise TypeRefused if `function` cannot be called with what `mapper` returns.

    `combines`: what it returns takes the place of the values.
    """
    name, hints, bounds = function.__name__, _hints(function), dict[Any, Any]()
    key, value = kinds
    given = {"keys": key, "lists of values": types.GenericAlias(list, (value,))}
    signature = inspect.signature(function)
    try:
        signature.bind(key, value)
    except TypeError as error:
        raise TypeRefused(
            f"`{name}` cannot be called with a key and its values: {error}; write "
            f"`def {name}(key: {described(key)}, values: list[{described(value)}])`"
        ) from None
    places = [each.name for each in signature.parameters.values() if each.kind in PLACES]
    for place, (what, kind) in zip(places, given.items(), strict=False):
        if place in hints and not assignable(kind, hints[place], bounds):
            raise TypeRefused(
                f"`{name}` takes `{described(hints[place])}` as its `{place}`, and the {what} of "
                f"`{mapper}` are `{described(kind)}`: write `{place}: {described(kind)}`"
            )
    returned = hints.get("return", value)
    if combines and not assignable(returned, value, bounds):
        raise TypeRefused(
            f"`{name}` returns `{described(returned)}`, and that takes the place of the values of "
            f"`{mapper}`, which are `{described(value)}`: write `-> {described(value)}`"
        )


def _list_of_pairs(key: Any, value: Any) -> Any:
    return types.GenericAlias(list, (types.GenericAlias(tuple, (key, value)),))


def _hints(function: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(inspect.unwrap(function), include_extras=True)
    except NameError as error:
        raise TypeRefused(
            f"the annotations of `{function.__name__}` cannot be read: {error}; import what they "
            f"name outside of `if TYPE_CHECKING:`"
        ) from error
