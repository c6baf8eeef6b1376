"""Secrets: where they come from, who is refused, and that nothing shows them."""

import copy
import errno
import hashlib
import io
import json
import logging
import os
import pickle
import stat
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from netchannels import _secret
from netchannels._errors import SecretError
from netchannels._secret import Secret, as_roles, as_secret, keygen, secret

TEXT = "correct horse battery staple"
posix = pytest.mark.skipif(os.name != "posix", reason="no modes of files there")


def write(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


def chain(error: BaseException | None) -> str:
    """Everything that the error, and those behind it, hold."""
    held = ""
    while error is not None:
        held += repr(error) + repr(error.args) + repr(vars(error))
        error = error.__cause__ or error.__context__
    return held


# --- where they come from --------------------------------------------------------------------


@pytest.mark.parametrize("content", [TEXT, f"{TEXT}\n", f"  {TEXT}\r\n", f"\ufeff{TEXT}\n"])
def test_white_space_around_a_text_does_not_count(tmp_path: Path, content: str) -> None:
    assert secret(write(tmp_path / "key", content)).equals(Secret(TEXT))


def test_a_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_SECRET", f"{TEXT}\n")
    assert secret(env="FARM_SECRET").equals(Secret(TEXT))


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("FARM_SECRET", raising=False)
    if value is not None:
        monkeypatch.setenv("FARM_SECRET", value)
    with pytest.raises(SecretError, match="FARM_SECRET is not set"):
        secret(env="FARM_SECRET")


@pytest.mark.parametrize("value", [TEXT, TEXT.encode()])
def test_a_secret_comes_from_a_function(value: str | bytes) -> None:
    assert secret(lambda: value).equals(Secret(TEXT))


def test_what_the_function_raises_passes_on() -> None:
    with pytest.raises(ZeroDivisionError):
        secret(lambda: str(1 / 0))


def test_a_function_that_returns_something_else_is_refused_by_the_type() -> None:
    wrong: Callable[[], Any] = lambda: [TEXT]  # noqa: E731
    with pytest.raises(SecretError, match="not list") as caught:
        secret(wrong)
    assert TEXT not in chain(caught.value)


def test_bytes_count_as_they_are() -> None:
    assert not Secret(b"sixteen bytes and\n").equals(Secret(b"sixteen bytes and"))


@pytest.mark.parametrize(("args", "env"), [((), None), (("farm.key",), "NAME")])
def test_exactly_one_source_is_wanted(args: tuple[str, ...], env: str | None) -> None:
    with pytest.raises(TypeError, match="give one of"):
        secret(*args, env=env)


def test_the_secret_itself_is_no_source() -> None:
    source: Any = TEXT.encode()
    with pytest.raises(TypeError, match="as_secret") as caught:
        secret(source)
    assert TEXT not in chain(caught.value)


def test_the_home_directory_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    keygen("~/farm.key")
    assert secret("~/farm.key").equals(secret(tmp_path / "farm.key"))


# --- files that are refused --------------------------------------------------------------------


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o610, 0o601])
def test_a_file_that_others_may_use_is_refused_with_what_to_type(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "farm key", TEXT, mode)
    with pytest.raises(SecretError) as caught:
        secret(path)
    assert f"chmod 600 '{path}'" in str(caught.value)


@posix
@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_the_owner_alone_is_taken(tmp_path: Path, mode: int) -> None:
    assert secret(write(tmp_path / "key", TEXT, mode)).equals(Secret(TEXT))


@posix
def test_the_mode_of_what_a_link_points_at_counts(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(write(tmp_path / "key", TEXT, 0o644))
    with pytest.raises(SecretError, match="chmod 600"):
        secret(tmp_path / "link")


def test_modes_are_not_looked_at_where_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_secret.os, "name", "nt")
    _secret._refuse_what_others_may_read("key", 0o666)
    monkeypatch.setattr(_secret.os, "name", "posix")
    with pytest.raises(SecretError):
        _secret._refuse_what_others_may_read("key", 0o666)


def test_a_missing_file_is_named_with_the_way_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"there is no file .*farm\.key.*keygen"):
        secret(tmp_path / "farm.key")


def test_a_directory_is_no_secret(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="cannot be read"):
        secret(tmp_path)


def test_a_file_that_is_no_text_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="UTF-8 text") as caught:
        secret(write(tmp_path / "key", TEXT.encode() + b"\xff\xfe"))
    assert "horse" not in chain(caught.value)


def test_a_file_that_is_far_too_large_is_some_other_file(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="at most 4096 bytes"):
        secret(write(tmp_path / "key", "x" * 4097))
    secret(write(tmp_path / "key", "x" * 4096))


# --- secrets that are refused ------------------------------------------------------------------


@pytest.mark.parametrize("short", ["", "x" * 15, f"   {'x' * 15}    ", "é" * 15, b"x" * 15])
def test_less_than_16_characters_are_refused(short: str | bytes) -> None:
    with pytest.raises(SecretError, match="16 characters or more"):
        Secret(short)


def test_16_characters_are_enough() -> None:
    assert Secret("x" * 16).equals(Secret(b"x" * 16))


def test_what_is_too_short_is_not_shown() -> None:
    with pytest.raises(SecretError) as caught:
        Secret("hunter2")
    assert "hunter2" not in chain(caught.value)


def test_a_text_that_no_encoding_knows_is_taken() -> None:
    assert not Secret("\ud800" * 16).equals(Secret("\ud801" * 16))


# --- making one --------------------------------------------------------------------------------


def test_a_new_secret_can_be_read_and_no_two_are_alike(tmp_path: Path) -> None:
    keygen(tmp_path / "one")
    keygen(str(tmp_path / "two"))
    assert not secret(tmp_path / "one").equals(secret(tmp_path / "two"))
    assert len((tmp_path / "one").read_bytes()) == 44  # 32 random bytes in base 64, a line


@posix
def test_a_new_secret_is_its_owners_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keygen(tmp_path / "key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path / "key", TEXT)
    with pytest.raises(SecretError, match="not overwritten"):
        keygen(path)
    assert path.read_text() == TEXT


@posix
def test_a_link_that_points_nowhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SecretError, match="not overwritten"):
        keygen(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="cannot be written: No such file"):
        keygen(tmp_path / "nowhere" / "key")


def test_half_a_secret_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, mode: str) -> None:
        os.close(file)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_secret.os, "fdopen", full)
    with pytest.raises(SecretError, match="key cannot be written: No space left on device"):
        keygen(tmp_path / "key")
    assert list(tmp_path.iterdir()) == []


# --- nothing shows one -------------------------------------------------------------------------


@dataclass
class Settings:
    key: Secret


WAYS: list[Callable[[Secret], str]] = [
    repr,
    str,
    ascii,
    lambda s: f"{s}",
    lambda s: f"{s!r:>40}",
    lambda s: f"{s:s}",
    lambda s: format(s, "x"),
    lambda s: "%s %r" % (s, s),  # noqa: UP031
    lambda s: str(Settings(s)),
    lambda s: str([s, {s: s}, (s,)]),
    lambda s: json.dumps(s, default=str),
    lambda s: json.dumps(s, default=lambda o: getattr(o, "__dict__", "none")),
    lambda s: "".join(traceback.format_exception(ValueError(s))),
]


@pytest.mark.parametrize("way", WAYS)
def test_a_secret_is_not_shown(way: Callable[[Secret], str]) -> None:
    known = Secret(TEXT)
    key = trio.run(known.key)
    shown = way(known)
    assert not [part for part in (TEXT, "horse", key.hex(), str(key)) if part in shown]


def test_a_secret_is_not_logged() -> None:
    out = io.StringIO()
    log = logging.Logger("test")
    log.addHandler(logging.StreamHandler(out))
    log.warning("connecting with %s %r", Secret(TEXT), {"secret": Secret(TEXT)})
    assert out.getvalue() == "connecting with <Secret> {'secret': <Secret>}\n"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Settings(Secret(TEXT)), protocol)


def test_a_copy_of_a_secret_is_itself() -> None:
    known = Secret(TEXT)
    assert copy.copy(known) is known
    assert copy.deepcopy({"key": known})["key"] is known


def test_a_secret_has_no_dictionary_to_look_into() -> None:
    with pytest.raises(TypeError):
        vars(Secret(TEXT))


# --- its key -----------------------------------------------------------------------------------


def test_the_key_is_what_scrypt_makes_of_it() -> None:
    expected = hashlib.scrypt(TEXT.encode(), salt=b"netchannels/1", n=16384, r=8, p=1, dklen=32)
    assert trio.run(Secret(TEXT).key) == expected


def test_the_key_is_computed_once_however_many_ask_and_in_a_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scrypt, computed = hashlib.scrypt, list[str]()

    def counting(*args: Any, **options: Any) -> bytes:
        computed.append(threading.current_thread().name)
        return scrypt(*args, **options)

    monkeypatch.setattr(hashlib, "scrypt", counting)
    known = Secret(TEXT)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(known.key)
        await known.key()

    trio.run(main)
    trio.run(known.key)
    assert len(computed) == 1
    assert computed != [threading.main_thread().name]


# --- what else is taken for one ----------------------------------------------------------------


def test_a_secret_is_taken_as_it_is() -> None:
    known = Secret(TEXT)
    assert as_secret(known) is known


def test_the_path_of_a_file_is_not_taken_for_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a-file-with-a-long-name", TEXT)
    for text in (str(path), "~/a-file-with-a-long-name"):
        with pytest.raises(SecretError, match="path of a file") as caught:
            as_secret(text)
        assert "long-name" not in chain(caught.value)
    assert as_secret(str(path) + "-not").equals(Secret(str(path) + "-not"))


@pytest.mark.parametrize("odd", ["x" * 100_000, "\0" * 16, "\ud800" * 16])
def test_a_text_that_can_be_no_path_is_a_secret(odd: str) -> None:
    assert as_secret(odd).equals(Secret(odd))


def test_one_secret_is_that_of_the_role_without_a_name() -> None:
    assert as_roles(TEXT)[""].equals(Secret(TEXT))
    assert list(as_roles(TEXT)) == [""]


def test_each_role_has_its_secret() -> None:
    roles = as_roles({"worker": "a secret for workers", "admin": b"another for admins"})
    assert list(roles) == ["worker", "admin"]
    assert roles["admin"].equals(Secret("another for admins"))


def test_two_roles_with_one_secret_are_refused_by_name() -> None:
    with pytest.raises(SecretError, match="roles `worker` and `admin`"):
        as_roles({"worker": TEXT, "guest": "something different", "admin": TEXT.encode()})


@pytest.mark.parametrize("roles", [{}, {"": TEXT}])
def test_each_role_needs_a_name(roles: dict[str, str]) -> None:
    with pytest.raises(SecretError, match="needs a name"):
        as_roles(roles)
