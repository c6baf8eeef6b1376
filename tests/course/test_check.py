"""Each exercise has a solution that is right, a skeleton that is not yet, and a typical wrong answer."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

COURSE = Path(__file__).parent.parent.parent / "docs" / "course"
EXERCISES = sorted(file.stem for file in (COURSE / "exercises").glob("*.py"))

# the exercise, a line of its solution, what a student writes instead, and what he is told
WRONG = [
    (
        "01_countdown",
        "range(start, 0, -1)",
        "range(start)",
        "expected [3, 2, 1], but got [0, 1, 2]",
    ),
    ("01_squares", "await out.send", "out.send", "'Sender.send' was never awaited (answer.py:9)"),
    ("01_total", "    return result", "        return result", "expected 6, but got 1"),
    (
        "02_chain",
        "await Par(double(inp, middle.sender()), increment(middle.receiver(), out))",
        "await double(inp, middle.sender())\n    await increment(middle.receiver(), out)",
        "`double` waits to send to `middle`",
    ),
    (
        "02_copy",
        "await Par(left.send(value), right.send(value))",
        "await left.send(value)\n        await right.send(value)",
        "`copy` waits to send to `left`",
    ),
    (
        "02_team",
        "(3 * worker(inp, out))",
        "worker(inp, out)",
        "took 6 seconds; three workers need 2",
    ),
    ("03_join", "in second:", "in first:", "expected ['a', 'b', 'c', 'x', 'y', 'z'], but got"),
    (
        "03_mend",
        "    _, result = await Par(count_to(last, numbers.sender()),",
        "    out = numbers.sender()\n    _, result = await Par(count_to(last, out.clone()),",
        "`total` waits to receive from `numbers`, whose only sender `main` holds",
    ),
    ("03_until", "break", "continue", "given 3, 0, 5, -1, 7: expected [3, 0, 5]"),
    (
        "04_merge",
        "async for _, text in Alternation(left, right):",
        "while True:\n        text = await left.receive()",
        "`one_is_quiet` waits to send to `right`",
    ),
    (
        "04_merge",
        "async for _, text in Alternation(left, right):",
        "_, text = await Alternation(left, right).select()\n    if text:",
        "it has ended too early: all receivers of channel `right` have retired",
    ),
    ("04_stack", ".when(lambda: items)", "", "IndexError: pop from empty list"),
    ("04_valve", "is_open = choice.value", "is_open = True", "it took a value while it was closed"),
    ("05_rate", "            count = 0\n", "", "expected [3, 1, 0], but got [3, 4, 4]"),
    ("05_silence", "break", "continue", "it has not ended after 300 seconds"),
    (
        "05_silence",
        "Timeout(seconds)",
        "Timeout(2 * seconds)",
        "but got ['a', 'silence', 'b', 'c']",
    ),
    (
        "06_dinner",
        "if n == 0:",
        "if n < 0:",
        "`philosopher 0` waits to send to `right of 0`, whose only receiver `fork 1` holds",
    ),
    (
        "06_swap",
        "_, got = await Par(out.send(goods), inp.receive())",
        "got = await inp.receive()\n    await out.send(goods)",
        "`baker` waits to receive from `there`, whose only sender `shepherd` holds",
    ),
    (
        "07_account",
        'raise ValueError("not enough")',
        "pass",
        "it paid out 71 of 70, and says that the balance is -1",
    ),
    ("07_account", "            call.reply(balance)\n", "", "no reply"),
    ("07_cache", "if call.request not in known:", "if True:", "expected [2, 3], but got [2, 3, 2"),
    (
        "07_printer",
        "while True:\n        async with jobs.extended() as pages:\n            ",
        "async for pages in jobs:\n        ",
        "the `send` of 3 pages: seconds until it returned: expected 3, but got 0",
    ),
    ("08_garage", "cars < places", "cars <= places", "it let a third car in, and has 2 places"),
    ("08_library", " and readers == 0", "", "it let a writer in to two readers"),
    (
        "09_neighbours",
        "        await phase.sync()  # all have looked\n",
        "",
        "given [1, 0, 0, 5, 0, 2], steps 1: expected",
    ),
    (
        "09_running",
        "distance *= 2",
        "distance += 1",
        "given [1, 2, 3, 4]: expected [1, 3, 6, 10]",
    ),
    (
        "10_farm",
        "workers * server",
        "1 * server",
        "16 seconds of work took 16 seconds with 4 workers",
    ),
    (
        "10_leases",
        "async for job in jobs.leases():\n        async with job:\n            await results.send(await work(job.value))",
        "async for job in jobs:\n        await results.send(await work(job))",
        "OSError: the work of job 2 has failed (answer.py:13)",
    ),
    ("11_home", 'share("numbers"', 'share("number"', "number"),
    ("11_home", "with numbers.sender() as out", "if out := numbers.sender()", "numbers"),
    ("11_worker", '"square"', '"squares"', "square"),
    (
        "12_once",
        "        await acks.send(bit)",
        "            await acks.send(bit)",
        "the confirmations",
    ),
    ("12_traces", "> size", "> size + 1", "size 1: in 1 in 1: expected False, but got True"),
    ("12_votes", "except Abandoned", "except ValueError", "Abandoned: "),
]


@pytest.fixture(params=EXERCISES)
def exercise(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_each_solution_is_right(check: ModuleType, exercise: str) -> None:
    assert check.judge(COURSE / "solutions" / f"{exercise}.py", check.find(exercise)) == []


def test_each_skeleton_is_told_what_to_do(check: ModuleType, exercise: str) -> None:
    (problem,) = check.judge(COURSE / "exercises" / f"{exercise}.py", check.find(exercise))
    assert "is still to be written, where `...` stands" in problem or "Deadlock: " in problem


def test_an_answer_that_does_nothing_is_not_right(
    check: ModuleType, tmp_path: Path, exercise: str
) -> None:
    """Whatever leaves before its time ends all others quietly."""
    skeleton = (COURSE / "exercises" / f"{exercise}.py").read_text(encoding="utf-8")
    answer = tmp_path / "answer.py"
    answer.write_text(skeleton.replace("...  # write this", "pass"), encoding="utf-8")
    assert check.judge(answer, check.find(exercise))


@pytest.mark.parametrize(("exercise", "right", "wrong", "words"), WRONG)
def test_a_typical_wrong_answer_is_told_what_is_wrong(
    check: ModuleType, tmp_path: Path, exercise: str, right: str, wrong: str, words: str
) -> None:
    solution = (COURSE / "solutions" / f"{exercise}.py").read_text(encoding="utf-8")
    assert right in solution
    answer = tmp_path / "answer.py"
    answer.write_text(solution.replace(right, wrong), encoding="utf-8")
    assert words in "\n".join(check.judge(answer, check.find(exercise)))


def test_each_exercise_has_a_typical_wrong_answer() -> None:
    assert {exercise for exercise, *_ in WRONG} == {*EXERCISES}


def test_there_are_at_least_two_exercises_a_session() -> None:
    sessions = [exercise[:2] for exercise in EXERCISES]
    assert all(sessions.count(f"{n:02}") >= 2 for n in range(1, 13))


HEAD = "from csp import Channel, Receiver, Sender, process\n\n\n@process\nasync def squares"
STRANGE = {
    "spins": (
        HEAD + "(inp: Receiver[int], out: Sender[int]):\n    while True:\n        pass",
        "on and on",
    ),
    "sleeps": (
        "import trio\n"
        + HEAD
        + "(inp: Receiver[int], out: Sender[int]):\n    await trio.sleep_forever()",
        "after 300 seconds (of virtual time)",
    ),
    "is called otherwise": (
        HEAD.replace("squares", "square") + "(a, b): pass",
        "no `squares` in answer.py",
    ),
    "is no Python": ("async def squares(", "this is no Python: '(' was never closed (answer.py:1)"),
    "reads from a sender": (
        HEAD + "(inp: Receiver[int], out: Sender[int]):\n    await out.receive()",
        "a sender has no `receive`",
    ),
    "has its ends the wrong way round": (
        HEAD + "(inp: Sender[int], out: Receiver[int]):\n    pass",
        "WiringError: squares(inp=...)",
    ),
    "forgets to await what it needs": (
        HEAD + "(inp: Receiver[int], out: Sender[int]):\n    await out.send(inp.receive() + 1)",
        "coroutine 'Receiver.receive' was never awaited (answer.py:6)",
    ),
    "forgets to await what it keeps": (
        HEAD + "(inp: Receiver[int], out: Sender[int]):\n    number = inp.receive()\n"
        "    await out.send(number + 1)",
        "coroutine 'Receiver.receive' was never awaited (answer.py:6)",
    ),
    "leaves an end": (
        HEAD
        + "(inp: Receiver[int], out: Sender[int]):\n    Channel(int, name='mine').sender()\n"
        + "    async for number in inp:\n        await out.send(number * number)",
        "the sender of channel `mine` was dropped without being retired",
    ),
    "exits": ("raise SystemExit", "SystemExit"),
    "fails while it is loaded": ("1 / 0", "ZeroDivisionError: division by zero (answer.py:1)"),
    "has two that spin": (
        HEAD.replace("squares", "spin")
        + "(inp: Receiver[int], out: Sender[int]):\n    while True:\n        pass\n\n\n@process\n"
        + "async def squares(inp: Receiver[int], out: Sender[int]):\n    await (2 * spin(inp, out))",
        "on and on",
    ),
}


@pytest.mark.parametrize("name", list(STRANGE))
def test_an_answer_that_is_strange_is_told_so(check: ModuleType, tmp_path: Path, name: str) -> None:
    source, words = STRANGE[name]
    answer = tmp_path / "answer.py"
    answer.write_text(source, encoding="utf-8")
    assert words in "\n".join(check.judge(answer, check.find("01_squares")))


def test_what_is_wrong_with_the_wiring_is_told_alone(check: ModuleType, tmp_path: Path) -> None:
    """Nothing of the ends and processes of the check, which were not run because of it."""
    answer = tmp_path / "answer.py"
    answer.write_text(STRANGE["has its ends the wrong way round"][0], encoding="utf-8")
    (problem,) = check.judge(answer, check.find("01_squares"))
    assert problem.startswith("WiringError: squares(inp=...)")


def test_the_command_says_a_verdict_and_exits_with_it(
    check: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    solution, skeleton = (str(COURSE / kind / "01_total.py") for kind in ("solutions", "exercises"))
    assert check.main([solution, skeleton]) == 1
    assert check.main(["--exercise", "01_total", solution]) == 0
    assert capsys.readouterr().out == (
        "01_total: right\n01_total: not yet\n"
        "  `total` is still to be written, where `...` stands (01_total.py:12)\n01_total: right\n"
    )


def test_the_command_says_what_is_wrong_with_its_line(
    check: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "mine.py").touch()
    assert check.main([str(tmp_path / "mine.py")]) == 2
    assert check.main([str(tmp_path / "01_total.py")]) == 2
    told = capsys.readouterr().err
    assert "there is no exercise mine; say --exercise NAME, one of 01_countdown, 01_squares" in told
    assert "there is no file" in told
