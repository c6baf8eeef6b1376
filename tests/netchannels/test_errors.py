"""Every error of the network is one NetworkError and one builtin."""

import pytest

from netchannels import _errors
from netchannels._errors import (
    HandshakeError,
    NameRefused,
    NetworkError,
    ProtocolError,
    SecretError,
    TypeRefused,
)


@pytest.mark.parametrize(
    ("error", "also"),
    [
        (HandshakeError, NetworkError),
        (ProtocolError, NetworkError),
        (SecretError, ValueError),
        (NameRefused, LookupError),
        (TypeRefused, TypeError),
    ],
)
def test_each_error_is_also_what_it_promises(error: type, also: type) -> None:
    assert issubclass(error, NetworkError)
    assert issubclass(error, also)


def test_a_name_that_is_refused_reads_as_it_was_written() -> None:
    assert str(NameRefused("nobody shares `x`")) == "nobody shares `x`"  # a KeyError would quote it


def test_no_error_of_the_network_is_caught_as_a_broken_connection() -> None:
    errors = [e for e in vars(_errors).values() if isinstance(e, type)]
    assert len(errors) == 6
    assert not [e for e in errors if issubclass(e, OSError)]


def test_an_error_travels_whatever_its_text_is() -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise LookupError

    text, _ = _errors.in_words(Silent())
    assert text == "Silent: it has no text: LookupError"
    text, trace = _errors.in_words(OSError("\udcff"))
    assert text == "OSError: \\udcff"
    assert trace.encode()


def test_an_error_that_travels_is_cut_at_the_end_of_its_text_and_the_beginning_of_its_traceback() -> (
    None
):
    text, trace = _errors.in_words(ValueError("x" * 100_000 + "end"))
    assert text == ("ValueError: " + "x" * 100_000)[: _errors.LONGEST_TEXT]
    assert len(trace) == _errors.LONGEST_TRACE
    assert trace.endswith("xend\n")
