"""Every error of the network, each also the builtin that it is a case of.

`in_words` is how any error travels.  Not here: what happens to a channel whose link is lost
(`csp.LinkLost`, `csp.DeliveryUnknown`).
"""

from __future__ import annotations

import traceback

LONGEST_TEXT, LONGEST_TRACE = 4096, 16_000  # characters of an error that travels


class NetworkError(Exception):
    """The base of all errors below; raised only as one of its subclasses.

    >>> issubclass(HandshakeError, NetworkError)
    True
    """


class HandshakeError(NetworkError):
    """The other side is not one of ours: wrong secret, other version, or another protocol.

    Raised on this side only: a stranger is not told why the connection was closed.  The message
    says what to do.  `tries` is how many times in a row the loop of `connect` puts up with it: 1
    where trying again cannot help, more where the other side may be full, slow or on its way down.

    >>> from netchannels._hello import Hello
    >>> try:
    ...     Hello.decode(b"GET / HTTP/1.1")
    ... except HandshakeError as error:
    ...     print(str(error).partition(":")[0])
    an HTTP request came
    """

    tries: float = 1

    def __init__(self, *args: object, tries: float = 1) -> None:
        super().__init__(*args)
        self.tries = tries


class ProtocolError(NetworkError):
    """The peer, one of ours by its secret, broke the protocol; its link is closed.

    >>> try:
    ...     raise ProtocolError("a reply to no request came: install one version on both sides")
    ... except NetworkError as error:
    ...     print(error)
    a reply to no request came: install one version on both sides
    """


class SecretError(NetworkError, ValueError):
    """A secret or private key cannot be used: missing, too short, or readable by others.

    The message says what to do, and never holds anything of the secret.

    >>> from netchannels._secret import as_secret
    >>> try:
    ...     as_secret("hunter2")
    ... except ValueError as error:
    ...     print(type(error).__name__, "hunter2" in str(error))
    SecretError False
    """


class NameRefused(NetworkError, LookupError):
    """No shared channel has the name, or several have it; the message lists what there is.

    >>> try:
    ...     raise NameRefused("nobody shares `sqare`; shared are: `square`")
    ... except LookupError as error:
    ...     print(error)
    nobody shares `sqare`; shared are: `square`
    """


class TypeRefused(NetworkError, TypeError):
    """The element types of the two sides differ, or cannot be decoded from bytes.

    >>> try:
    ...     raise TypeRefused("`square` carries Call[int, int] there, Call[str, int] here")
    ... except TypeError as error:
    ...     print(error)
    `square` carries Call[int, int] there, Call[str, int] here
    """


def in_words(error: BaseException) -> tuple[str, str]:
    """Type and text of an error, and its traceback, short enough to travel.

    >>> in_words(ValueError("no"))
    ('ValueError: no', 'ValueError: no\\n')
    """
    trace = "".join(traceback.format_exception(error))
    try:
        text = str(error)
    except Exception as why:  # it is user code
        text = f"it has no text: {type(why).__name__}"
    whole = _as_utf8(f"{type(error).__name__}: {text}"[:LONGEST_TEXT])
    return whole, _as_utf8(trace[-LONGEST_TRACE:])


def _as_utf8(text: str) -> str:
    """As it can travel: names of files may have half characters, with which Python keeps odd bytes."""
    return text.encode(errors="backslashreplace").decode()
