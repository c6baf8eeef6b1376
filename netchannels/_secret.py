"""Secrets: where they come from, and how little of them can be seen.

Every secret goes through scrypt (RFC 7914), so that whoever has recorded a proof made with a
chosen phrase pays for each guess.  The salt is fixed, because both sides must come to the same
key before they have exchanged a byte.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import shlex
import stat
import threading
from collections.abc import Callable, Mapping
from typing import cast

import trio

from ._errors import SecretError

PROTOCOL = b"netchannels/1"  # the salt of every secret, and the label of every proof
SHORTEST = 16  # characters of a text, or bytes
LARGEST_FILE = 4096  # bytes; more is some other file

Path = str | os.PathLike[str]


class Secret:
    """What both sides know and nobody else; it cannot be printed, formatted or pickled.

    `material` is a text, which is used without the white space around it, or bytes, used as they
    are.  Raises `SecretError` for fewer than 16 characters or bytes.

    >>> known = Secret("correct horse battery staple")
    >>> print(known, repr(known), f"{known:>60}")
    <Secret> <Secret> <Secret>
    """

    __slots__ = ("_key", "_lock", "_material")

    def __init__(self, material: str | bytes) -> None:
        text = material.strip() if isinstance(material, str) else material
        if len(text) < SHORTEST:
            raise SecretError(
                f"a secret has {SHORTEST} characters or more, this one has {len(text)}: "
                'make one with `netchannels.keygen("farm.key")`, and read it with '
                '`netchannels.secret("farm.key")`'
            )
        # surrogatepass: never raises, for the error would hold the text
        self._material = (
            text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
        )
        self._key: bytes | None = None
        self._lock = threading.Lock()

    async def key(self) -> bytes:
        """The 32 bytes that scrypt (n=2**14, r=8, p=1) makes of the secret.

        Computed once, in a thread: it takes some 50 ms and 16 MiB.  Never show or log them.

        >>> import trio
        >>> len(trio.run(Secret("correct horse battery staple").key))
        32
        """
        if self._key is None:
            return await trio.to_thread.run_sync(self._derived)
        return self._key

    def _derived(self) -> bytes:
        with self._lock:  # of many connections that come first, one computes
            if self._key is None:
                self._key = hashlib.scrypt(
                    self._material, salt=PROTOCOL, n=2**14, r=8, p=1, maxmem=2**26, dklen=32
                )
            return self._key

    def equals(self, other: Secret) -> bool:
        """True if both are made of the same bytes; takes the same time either way.

        >>> Secret("correct horse battery staple").equals(Secret(b"correct horse battery staple"))
        True
        """
        return hmac.compare_digest(self._material, other._material)

    def __repr__(self) -> str:
        return "<Secret>"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> str:
        raise TypeError(
            "a secret is not pickled: give the other program the path of its file, and call "
            "`netchannels.secret(path)` there"
        )


def secret(
    source: Path | Callable[[], str | bytes] | None = None, /, *, env: str | None = None
) -> Secret:
    """The secret in a file, in an environment variable, or that a function returns.

    `source` is the path of a text file that nobody but its owner may read (`~` is the home
    directory), or a function without arguments, called at once; `env` is the name of an
    environment variable.  White space around a text does not count.

    Raises `SecretError`, whose message says what to do, when there is no such file or variable,
    the file is no UTF-8 text or may be read by others (not looked at on Windows), the function
    returns something else than str or bytes, or the secret has fewer than 16 characters; and
    TypeError when it is not given exactly one of the two.  What the function raises passes on.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     keygen(f"{directory}/farm.key")
    ...     secret(f"{directory}/farm.key")
    <Secret>
    """
    if (source is None) == (env is None):
        raise TypeError('give one of: a path, a function, `env="NAME"`')
    if env is not None:
        return Secret(_from_environment(env))
    if isinstance(source, (str, os.PathLike)):
        return Secret(_from_file(os.path.expanduser(source)))
    if not callable(source):
        raise TypeError(
            f"a path or a function is wanted, not {type(source).__name__}: "
            "`netchannels.as_secret` takes the secret itself"
        )
    found = cast(object, source())  # whatever it promises
    if not isinstance(found, (str, bytes)):
        raise SecretError(f"the function must return str or bytes, not {type(found).__name__}")
    return Secret(found)


def _from_environment(name: str) -> str:
    text = os.environ.get(name, "")
    if not text:
        raise SecretError(f"the environment variable {name} is not set: set it to the secret")
    return text


def _from_file(path: str) -> str:
    try:
        with open(path, "rb") as file:
            _refuse_what_others_may_read(path, os.fstat(file.fileno()).st_mode)
            content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError as error:
        raise SecretError(
            f"there is no file {path}: copy it from the other side, or make one with "
            f"`netchannels.keygen({path!r})` and copy it there"
        ) from error
    except OSError as error:
        raise SecretError(f"{path} cannot be read: {error.strerror}") from error
    text = _text(content)
    if text is None or len(content) > LARGEST_FILE:
        raise SecretError(
            f"{path} is no secret, which is a UTF-8 text of at most {LARGEST_FILE} bytes: make "
            "one with `netchannels.keygen`"
        )
    return text


def _text(content: bytes) -> str | None:
    """Not an exception: a UnicodeDecodeError holds what it could not decode."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _refuse_what_others_may_read(path: str, mode: int) -> None:
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretError(
            f"others may read or write {path}, so it is no secret: type "
            f"`chmod 600 {shlex.quote(path)}`, and make a new one if somebody may have read it"
        )


def keygen(path: Path, /) -> None:
    """Write a new secret, 32 random bytes as text, into a new file that only its owner may read.

    Raises `SecretError` when there is a file already, for it is never overwritten, or when the
    file cannot be written.  On Windows the directory decides who may read it.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     keygen(f"{directory}/farm.key")
    ...     len(pathlib.Path(directory, "farm.key").read_text())
    44
    """
    path = os.path.expanduser(path)
    line = secrets.token_urlsafe(32).encode() + b"\n"
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise SecretError(
            f"{path} exists and is not overwritten: programs may use it; remove it, or choose "
            "another name"
        ) from error
    except OSError as error:
        raise SecretError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(file, "wb") as out:
            out.write(line)
    except BaseException as error:
        os.unlink(path)  # half a secret is none
        if isinstance(error, OSError):
            raise SecretError(f"{path} cannot be written: {error.strerror}") from error
        raise


def as_secret(value: Secret | str | bytes, /) -> Secret:
    """A `Secret` as it is, or one made of the text or bytes themselves.

    Raises `SecretError` for fewer than 16 characters, and for a text that is the path of a file:
    that is what `secret(path)` is for.

    >>> as_secret(b"sixteen bytes or more").equals(as_secret("sixteen bytes or more"))
    True
    """
    if isinstance(value, Secret):
        return value
    if isinstance(value, str) and (value.startswith("~/") or os.path.exists(value)):
        raise SecretError(
            "the text is the path of a file, which others can guess: write "
            "`netchannels.secret(path)` to use what is in it"
        )
    return Secret(value)


def as_roles(
    value: Secret | str | bytes | Mapping[str, Secret | str | bytes], /
) -> dict[str, Secret]:
    """The secret of each role; one secret for all is that of the role "".

    Raises `SecretError` as `as_secret` does, when there is no role, when one has the name "", and
    when two have the same secret, for then they could not be told apart.

    >>> as_roles({"worker": b"a secret for workers", "admin": b"another for admins"})
    {'worker': <Secret>, 'admin': <Secret>}
    >>> as_roles("one secret for everybody")
    {'': <Secret>}
    """
    if not isinstance(value, Mapping):
        return {"": as_secret(value)}
    roles = {role: as_secret(each) for role, each in value.items()}
    if not roles or "" in roles:
        raise SecretError('each role needs a name: write `secret={"worker": ..., "admin": ...}`')
    names = list(roles)
    for i, one in enumerate(names):
        for other in names[:i]:
            if roles[one].equals(roles[other]):
                raise SecretError(
                    f"the roles `{other}` and `{one}` have the same secret: make one for each"
                )
    return roles
