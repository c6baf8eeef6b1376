"""Certificates made at start, and those of a user's own authority."""

import datetime
import os
import ssl
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from netchannels._certificate import Certificate, client_context, user_contexts
from netchannels._errors import SecretError

posix = pytest.mark.skipif(os.name != "posix", reason="no modes of files there")
CONTEXTS = [Certificate.fresh().server_context(), client_context()]


# --- made at start -----------------------------------------------------------------------------


def test_the_certificate_has_a_new_p256_key_each_time() -> None:
    keys = [x509.load_der_x509_certificate(Certificate.fresh().der).public_key() for _ in range(2)]
    assert all(isinstance(key, ec.EllipticCurvePublicKey) for key in keys)
    assert keys[0] != keys[1]


def test_the_certificate_is_signed_by_its_own_key_and_valid_whatever_the_clock_says() -> None:
    made = x509.load_der_x509_certificate(Certificate.fresh().der)
    made.verify_directly_issued_by(made)
    assert made.not_valid_before_utc.year == 2000
    assert made.not_valid_after_utc.year == 9999


@pytest.mark.parametrize("context", CONTEXTS, ids=["server", "client"])
def test_nothing_older_than_tls_1_3_is_spoken(context: ssl.SSLContext) -> None:
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3
    assert context.options & ssl.OP_NO_TICKET


def test_the_server_gives_no_session_tickets() -> None:
    assert Certificate.fresh().server_context().num_tickets == 0


def test_a_certificate_shows_nothing_of_itself() -> None:
    assert repr(Certificate.fresh()) == "Certificate()"


class Watcher:
    """Looks at what is on disk at the moment when ssl reads it."""

    def __init__(self, fails: bool = False) -> None:
        self.content, self.fails = b"", fails
        self.modes: list[int] = []

    def install(self, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        load = ssl.SSLContext.load_cert_chain

        def watched(context: ssl.SSLContext, path: Any, *args: Any, **options: Any) -> None:
            self.content = Path(path).read_bytes()
            self.modes = [stat.S_IMODE(Path(path).parent.stat().st_mode)]
            if self.fails:
                raise MemoryError
            load(context, path, *args, **options)

        monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watched)
        monkeypatch.setattr(tempfile, "tempdir", str(directory))


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_stays_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    watcher = Watcher(fails)
    watcher.install(monkeypatch, tmp_path)
    if fails:
        with pytest.raises(MemoryError):
            Certificate.fresh()
    else:
        Certificate.fresh()
    assert b"CERTIFICATE" in watcher.content
    assert list(tmp_path.iterdir()) == []


def test_the_key_is_on_disk_encrypted_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = Watcher()
    watcher.install(monkeypatch, tmp_path)
    Certificate.fresh()
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in watcher.content
    assert b"BEGIN PRIVATE KEY" not in watcher.content


@posix
def test_the_directory_of_the_moment_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = Watcher()
    watcher.install(monkeypatch, tmp_path)
    Certificate.fresh()
    assert watcher.modes == [0o700]


# --- of a user's own authority -------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A self-signed certificate with its key, twice, and the key with a password."""
    made: dict[str, Path] = {}
    for name in ("one", "two"):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        for kind, content in {
            "pem": certificate.public_bytes(pem),
            "key": key.private_bytes(pem, pkcs8, serialization.NoEncryption()),
            "locked": key.private_bytes(
                pem, pkcs8, serialization.BestAvailableEncryption(b"a password")
            ),
        }.items():
            made[f"{name}.{kind}"] = tmp_path / f"{name}.{kind}"
            made[f"{name}.{kind}"].write_bytes(content)
    made["empty"] = tmp_path / "empty"
    made["empty"].touch()
    made["missing"] = tmp_path / "missing"
    return made


def test_both_sides_want_a_certificate_of_the_authority(files: dict[str, Path]) -> None:
    certificate, client = user_contexts(files["one.pem"], files["one.key"], files["one.pem"])
    for context in (certificate.server_context(), client):
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.minimum_version == ssl.TLSVersion.TLSv1_3
        assert context.cert_store_stats()["x509"] == 1  # and none of the system
    assert client.check_hostname
    assert certificate.der == ssl.PEM_cert_to_DER_cert(files["one.pem"].read_text())


def test_the_first_certificate_of_a_chain_is_the_one_shown(files: dict[str, Path]) -> None:
    chain = files["one.pem"].read_text()
    files["one.pem"].write_text(chain + files["two.pem"].read_text())
    certificate, _ = user_contexts(files["one.pem"], files["one.key"], files["two.pem"])
    assert certificate.der == ssl.PEM_cert_to_DER_cert(chain)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("missing", "one.key", "one.pem"), "missing cannot be read"),
        (("one.pem", "missing", "one.pem"), "missing cannot be read"),
        (("one.pem", "one.key", "missing"), "missing cannot be read"),
        (("empty", "one.key", "one.pem"), "empty holds no certificate"),
        (("one.key", "one.key", "one.pem"), "one.key holds no certificate"),
        (("one.pem", "empty", "one.pem"), "empty is no private key"),
        (("one.pem", "two.key", "one.pem"), "two.key is no private key that belongs to"),
        (("one.pem", "one.locked", "one.pem"), "without a password"),
        (("one.pem", "one.key", "empty"), "empty holds no certificate"),
    ],
)
def test_a_file_that_does_not_fit_is_named(
    files: dict[str, Path], names: tuple[str, str, str], message: str
) -> None:
    certfile, keyfile, cafile = (files[name] for name in names)
    with pytest.raises(SecretError, match=message):
        user_contexts(certfile, keyfile, cafile)
