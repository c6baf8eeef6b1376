"""The line in which requests wait."""

from __future__ import annotations

from netchannels._requests import Request, Waiting


class Nobody:
    def __init__(self) -> None:
        self.heard: list[Request] = []

    def answered(self, request: Request) -> None:
        self.heard.append(request)


def request(
    waiting: Waiting, value: str, *, priority: float = 0, timeout: float = 0, size: int = 1
) -> Request:
    made = Request(Nobody(), value, bytes(size), timeout, priority)
    waiting.number(made)
    waiting.add(made)
    return made


def taken(waiting: Waiting, most: int = 10, most_bytes: int = 1000) -> str:
    return "".join(each.value for each in waiting.take(most, most_bytes))


def test_the_highest_priority_goes_first_and_among_equals_the_oldest() -> None:
    waiting = Waiting()
    for value, priority in (("a", 0), ("b", 1), ("c", 0), ("d", 1)):
        request(waiting, value, priority=priority)
    assert taken(waiting) == "bdac"
    assert len(waiting) == 0


def test_one_that_comes_back_keeps_its_place() -> None:
    waiting = Waiting()
    first = request(waiting, "a")
    request(waiting, "b")
    assert taken(waiting, most=1) == "a"
    waiting.add(first)
    assert taken(waiting) == "ab"


def test_one_that_was_given_up_is_passed_over() -> None:
    waiting = Waiting()
    first = request(waiting, "a")
    request(waiting, "b")
    first.over = True
    waiting.give_up()
    assert len(waiting) == 1
    assert taken(waiting) == "b"
    assert len(waiting) == 0


def test_those_that_go_together_have_one_limit_and_are_not_too_long() -> None:
    waiting = Waiting()
    for value, timeout in (("a", 1), ("b", 1), ("c", 2)):
        request(waiting, value, timeout=timeout)
    assert taken(waiting) == "ab"
    for value in "def":
        request(waiting, value, timeout=2, size=400)
    assert taken(waiting) == "cde"
    assert taken(waiting, most_bytes=1) == "f"


def test_one_that_shall_be_alone_is() -> None:
    waiting = Waiting()
    for value in "abc":
        request(waiting, value).alone = value == "b"
    assert [taken(waiting), taken(waiting), taken(waiting)] == ["a", "b", "c"]


def test_a_request_is_answered_once() -> None:
    waiting = Waiting()
    made = request(waiting, "a")
    made.answer(b"reply")
    made.answer(b"", ValueError())
    assert (made.data, made.error) == (b"reply", None)
    assert len(made.asker.heard) == 1  # type: ignore[attr-defined]
