"""Laws of Seq, Par and n * p: what is said, in which order, and what is returned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import csp
from csp import Channel, Par, Process, Receiver, Sender, Seq, process

law = settings(max_examples=30, deadline=None, derandomize=True)

# a tree: a word is a process that says its letters and returns the word, a list a composition
words = st.text("abc", max_size=3)
trees = st.recursive(words, lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=6)
Compose = Callable[..., Process[Any]]


@process
async def say(word: str, out: Sender[str]) -> str:
    for letter in word:
        await out.send(letter)
    return word


@process
async def hear(said: Receiver[str]) -> str:
    return "".join([letter async for letter in said])


@process
async def nothing() -> None:
    return None


def composed(tree: Any, out: Sender[str], how: Compose) -> Process[Any]:
    if isinstance(tree, str):
        return say(tree, out.clone())
    return how(*(composed(part, out, how) for part in tree))


def outcome(make: Callable[[Sender[str]], Process[Any]], lend: bool) -> tuple[Any, str]:
    """What the process made by `make(sender)` returns, and what was heard."""

    async def main() -> tuple[Any, str]:
        channel = Channel(str, name="said")
        with channel.sender() as out:
            made = make(out)
        return await Par(made, hear(channel.receiver()))

    return csp.run(main, lend=lend)


def leaves(tree: Any) -> list[str]:
    return [tree] if isinstance(tree, str) else [leaf for part in tree for leaf in leaves(part)]


def nested(tree: Any) -> Any:
    return tree if isinstance(tree, str) else tuple(nested(part) for part in tree)


@law
@given(tree=trees)
def test_seq_associates(tree: Any, lend: bool) -> None:
    value, heard = outcome(lambda out: composed(tree, out, Seq), lend)
    assert (value, heard) == (nested(tree), "".join(leaves(tree)))


@law
@given(word=words)
def test_doing_nothing_is_the_unit_of_seq(word: str, lend: bool) -> None:
    before = outcome(lambda out: Seq(nothing(), say(word, out.clone())), lend)
    after = outcome(lambda out: Seq(say(word, out.clone()), nothing()), lend)
    assert (before, after) == (((None, word), word), ((word, None), word))


@law
@given(word=words)
def test_doing_nothing_is_the_unit_of_par(word: str, lend: bool) -> None:
    left = outcome(lambda out: Par(nothing(), say(word, out.clone())), lend)
    right = outcome(lambda out: Par(say(word, out.clone()), nothing()), lend)
    assert (left, right) == (((None, word), word), ((word, None), word))


@law
@given(tree=trees)
def test_par_associates(tree: Any, lend: bool) -> None:
    value, heard = outcome(lambda out: composed(tree, out, Par), lend)
    assert (value, Counter(heard)) == (nested(tree), Counter("".join(leaves(tree))))


@law
@given(first=trees, second=trees)
def test_par_commutes(first: Any, second: Any, lend: bool) -> None:
    (a, b), heard = outcome(lambda out: composed([first, second], out, Par), lend)
    (c, d), again = outcome(lambda out: composed([second, first], out, Par), lend)
    assert (a, b, Counter(heard)) == (d, c, Counter(again))


@law
@given(said=st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_par_keeps_the_order_of_each_of_its_processes(said: list[int], lend: bool) -> None:
    spoken = [chr(ord("a") + i) + str(n) for i, count in enumerate(said) for n in range(count)]

    @process
    async def count_up(letter: str, count: int, out: Sender[str]) -> None:
        for n in range(count):
            await out.send(letter + str(n))

    def make(out: Sender[str]) -> Process[Any]:
        return Par(*(count_up(chr(ord("a") + i), c, out.clone()) for i, c in enumerate(said)))

    _, heard = outcome(make, lend)
    pairs = [heard[i : i + 2] for i in range(0, len(heard), 2)]
    assert sorted(pairs, key=lambda pair: pair[0]) == spoken


@law
@given(n=st.integers(0, 4), word=words)
def test_copies_are_a_par_of_clones(n: int, word: str, lend: bool) -> None:
    copies = outcome(lambda out: n * say(word, out.clone()), lend)
    clones = outcome(lambda out: Par(*(say(word, out.clone()) for _ in range(n))), lend)
    assert (tuple(copies[0]), Counter(copies[1])) == (clones[0], Counter(clones[1]))


@law
@given(n=st.integers(0, 3), tree=trees)
def test_a_composition_can_be_copied_too(n: int, tree: Any, lend: bool) -> None:
    value, heard = outcome(lambda out: n * composed(tree, out, Par), lend)
    assert value == [nested(tree)] * n
    assert Counter(heard) == Counter("".join(leaves(tree)) * n)


@law
@given(n=st.integers(1, 4), jobs=st.lists(st.integers(), max_size=6))
def test_copies_of_a_worker_share_its_jobs(n: int, jobs: list[int], lend: bool) -> None:
    @process
    async def give(out: Sender[int]) -> None:
        for job in jobs:
            await out.send(job)

    @process
    async def double(inp: Receiver[int], out: Sender[int]) -> None:
        async for job in inp:
            await out.send(2 * job)

    @process
    async def collect(inp: Receiver[int]) -> list[int]:
        return [value async for value in inp]

    async def main() -> list[int]:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        network = Par(give(a.sender()), n * double(a.receiver(), b.sender()), collect(b.receiver()))
        return (await network)[2]

    assert sorted(csp.run(main, lend=lend)) == sorted(2 * job for job in jobs)
