"""Names for pictures."""

import pytest

from csp.view import short_names


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([], []),
        (["main"], ["main"]),
        (["main.par[0].worker", "main.par[1].worker"], ["par[0].worker", "par[1].worker"]),
        (["main.a.x", "main.b.x", "main.b.y"], ["a.x", "b.x", "y"]),
        (["x", "main.x"], ["x", "main.x"]),
        (["main.fork 1", "main.fork 2"], ["fork 1", "fork 2"]),
        (["", "main"], ["", "main"]),
    ],
)
def test_a_name_is_as_short_as_it_can_be_told_apart(names: list[str], shown: list[str]) -> None:
    assert short_names(names) == dict(zip(names, shown, strict=True))
    assert len(set(short_names(names).values())) == len(names)
