"""Map and reduce."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

import csp
from netchannels import Cores, TypeRefused, map_reduce
from netchannels._codec import codec
from netchannels._map_reduce import Job, Task, _functions, run_task
from netchannels.placement._target import Target

sys.path.insert(0, str(Path(__file__).parent))
import jobs

LINES = ["the cat the dog", "a cat", "", "the"]
WORDS = {"the": 3, "cat": 2, "dog": 1, "a": 1}


@pytest.mark.parametrize("partitions", [None, 1, 7])
def test_each_key_is_reduced_once_whatever_the_partitions(partitions: int | None) -> None:
    async def main() -> dict[str, int]:
        return await map_reduce(
            jobs.words, jobs.total, LINES, workers=Cores(2), partitions=partitions
        )

    assert csp.run(main) == WORDS


def test_values_come_in_the_order_of_the_inputs_and_combined_if_that_is_wanted() -> None:
    async def lines() -> AsyncIterator[str]:
        for line in LINES:
            yield line

    async def main() -> list[dict[str, list[int]]]:
        return [
            await map_reduce(
                jobs.words, jobs.how_many, lines(), workers=Cores(1), combiner=combiner
            )
            for combiner in (None, jobs.total)
        ]

    plain, combined = csp.run(main)
    assert plain["the"] == [1, 1, 1]
    assert combined["the"] == [2, 1]


def test_a_key_is_in_the_partition_of_its_bytes() -> None:
    words, total = Target.of(jobs.words), Target.of(jobs.total)
    job = Job(words, total, None, 5)
    pairs = codec(list[tuple[str, int]])
    where: dict[str, set[int]] = {}
    for line in LINES:
        parts = run_task(Task(job, [codec(str).encode(line)]))
        assert len(parts) == 5
        for number, part in enumerate(parts):
            for word, _ in pairs.decode(part) if part else []:
                where.setdefault(word, set()).add(number)
    assert where.keys() == WORDS.keys()
    assert all(len(numbers) == 1 for numbers in where.values())


def test_types_that_are_not_said_are_refused() -> None:
    async def run(mapper: Any, reducer: Any, **options: Any) -> None:
        await map_reduce(mapper, reducer, LINES, workers=Cores(1), **options)

    with pytest.raises(TypeRefused, match="what pairs it returns"):
        csp.run(run, jobs.square, jobs.total)
    with pytest.raises(TypeRefused, match="annotate it"):
        csp.run(run, jobs.words, jobs.unannotated)

    async def none() -> None:
        await run(jobs.words, jobs.total, partitions=0)

    with pytest.raises(ValueError, match="partitions"):
        csp.run(none)


# --- the types of the functions, held against each other; `words` returns (str, int) ------------


K = TypeVar("K")
V = TypeVar("V")


def of_int_keys(word: int, numbers: list[int]) -> int: ...
def of_str_values(word: str, numbers: list[str]) -> int: ...
def of_a_sequence(word: str, numbers: Sequence[str]) -> int: ...
def of_one_value(word: str, number: int) -> int: ...
def of_no_values(word: str) -> int: ...
def of_three(word: str, numbers: list[int], most: int) -> int: ...
def into_text(word: str, numbers: list[int]) -> str: ...
def into_float(word: str, numbers: list[int]) -> float: ...


def wide(word: str | None, numbers: Iterable[float]) -> int: ...
def wider(word: object, numbers: Sequence[int | None]) -> int: ...
def anything(word: Any, numbers: Any) -> int: ...
def bare(word: str, numbers: list) -> int: ...
def half_said(word, numbers: list[int]) -> int: ...
def unsaid(word, numbers): ...
def by_kind(word: K, numbers: list[V]) -> V: ...
def by_places(*both: Any) -> int: ...
def with_more(word: str, numbers: list[int], most: int = 3) -> int: ...
def into_bool(word: str, numbers: list[int]) -> bool: ...


NO_KEY = "takes `int` as its `word`, and the keys of `words` are `str`: write `word: str`"
NO_VALUES = "as its `number.*`, and the lists of values of `words` are `list.int.`: write `number"
NO_CALL = r"cannot be called with a key .* write `def \w+.key: str, values: list.int.."
NO_RESULT = "and that takes the place of the values of `words`, which are `int`: write `-> int`"


@pytest.mark.parametrize("role", ["reducer", "combiner"])
@pytest.mark.parametrize(
    ("function", "why"),
    [
        (of_int_keys, f"`of_int_keys` {NO_KEY}"),
        (of_str_values, f"`of_str_values` takes `list.str.` {NO_VALUES}s: list.int."),
        (of_a_sequence, f"`of_a_sequence` takes `Sequence.str.` {NO_VALUES}s: list.int."),
        (of_one_value, f"`of_one_value` takes `int` {NO_VALUES}: list.int."),
        (of_no_values, f"`of_no_values` {NO_CALL}"),
        (of_three, f"`of_three` {NO_CALL}"),
    ],
)
def test_a_function_that_takes_other_types_than_the_mapper_returns_is_refused(
    function: Any, why: str, role: str
) -> None:
    functions = {"reducer": jobs.total, "combiner": None, role: function}
    with pytest.raises(TypeRefused, match=why):
        _functions(jobs.words, **functions)


@pytest.mark.parametrize("function", [into_text, into_float])
def test_a_combiner_that_returns_another_type_than_the_values_have_is_refused(
    function: Any,
) -> None:
    with pytest.raises(TypeRefused, match=f"`{function.__name__}` returns `.*`, {NO_RESULT}"):
        _functions(jobs.words, jobs.total, function)
    _functions(jobs.words, function, None)


WIDE = [wide, wider, anything, bare, half_said, by_places, with_more, into_bool]


@pytest.mark.parametrize("function", WIDE)
def test_wider_types_and_unsaid_ones_fit(function: Any) -> None:
    assert _functions(jobs.words, function, function).reducer is function


@pytest.mark.parametrize("function", [unsaid, by_kind])
def test_a_combiner_may_leave_to_the_mapper_what_its_types_are(function: Any) -> None:
    assert _functions(jobs.words, jobs.total, function).combiner is function


def test_annotations_that_only_a_checker_can_read_are_refused() -> None:
    def checked(word: Unknown, numbers: list[int]) -> int: ...  # noqa: F821

    with pytest.raises(TypeRefused, match="`checked` cannot be read: name 'Unknown'.*CHECKING"):
        _functions(jobs.words, checked, None)


def test_functions_that_do_not_fit_are_refused_before_anything_runs() -> None:
    async def main() -> None:
        wrong: Any = of_str_values
        await map_reduce(jobs.words, wrong, LINES, workers=Cores(1))

    with pytest.raises(TypeRefused, match="`of_str_values`.*`words`"):
        csp.run(main)


def test_values_of_other_types_are_told_with_the_function() -> None:
    wrong: Any = ["a line", 1]
    with pytest.raises(csp.ChannelTypeError, match="`words` takes `str`: Expected `str`"):
        csp.run(lambda: map_reduce(jobs.words, jobs.total, wrong, workers=Cores(1)))
    with pytest.raises(csp.RequestFailed, match=r"`wrong_total` has returned no .* got `str`"):
        csp.run(lambda: map_reduce(jobs.words, jobs.wrong_total, LINES, workers=Cores(1)))


@pytest.mark.parametrize("combiner", [None, jobs.wrong_total])
def test_pairs_that_are_none_are_told_with_the_function_that_has_made_them(combiner: Any) -> None:
    mapper, name = (
        (jobs.wrong_words, "wrong_words") if combiner is None else (jobs.words, "wrong_total")
    )
    combining = Target.of(combiner) if combiner is not None else None
    job = Job(Target.of(mapper), Target.of(jobs.total), combining, 1)
    mapped = run_task(Task(job, [codec(str).encode("a cat")]))
    with pytest.raises(
        TypeError, match=rf"`{name}` has returned no `list.tuple.str, int..`.*got `str`"
    ):
        run_task(Task(job, mapped, reduces=True))


async def later(line: str) -> list[tuple[str, int]]: ...
async def total_later(word: str, numbers: list[int]) -> int: ...


@pytest.mark.parametrize(
    "functions",
    [
        (later, jobs.total, None),
        (jobs.words, total_later, None),
        (jobs.words, jobs.total, total_later),
    ],
)
def test_functions_that_wait_are_refused(functions: tuple[Any, Any, Any]) -> None:
    with pytest.raises(TypeRefused, match="later` is an `async def`, and map_reduce calls plain"):
        _functions(*functions)


@dataclass
class Changing:
    number: int


def by_lists(line: str) -> list[tuple[list[str], int]]: ...
def by_changing(line: str) -> list[tuple[Changing, int]]: ...


@pytest.mark.parametrize("mapper", [by_lists, by_changing])
def test_keys_that_no_dict_takes_are_refused(mapper: Any) -> None:
    with pytest.raises(TypeRefused, match=f"`{mapper.__name__}` returns keys of type .* no dict"):
        _functions(mapper, unsaid_but_its_result, None)


def unsaid_but_its_result(key, numbers) -> int: ...


def test_inputs_are_something_to_iterate_over() -> None:
    wrong: Any = 5
    with pytest.raises(TypeError, match="inputs is an iterable or async iterable, not 5"):
        csp.run(lambda: map_reduce(jobs.words, jobs.total, wrong, workers=Cores(1)))
