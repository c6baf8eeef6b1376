"""Certificates and TLS contexts: TLS 1.3 (RFC 8446) and nothing older, without session tickets.

The certificate of a node is made when it starts and trusted by nobody: what binds it to the node
is the proof of the handshake, which runs over its hash.  Or a user's own authority signs the
certificates of both sides (mutual TLS).

`cryptography` is imported where it is used: a link over a Unix socket has no certificate, and the
programs of a pool start sooner without.
"""

from __future__ import annotations

import datetime
import os
import secrets
import ssl
import tempfile
from dataclasses import dataclass, field

from ._errors import SecretError

Path = str | os.PathLike[str]

# nobody looks at the dates, and no clock may be too wrong for them (RFC 5280, 4.1.2.5)
_ALWAYS = datetime.datetime(2000, 1, 1)
_FOR_EVER = datetime.datetime(9999, 12, 31, 23, 59, 59)


@dataclass(frozen=True)
class Certificate:
    """What a server shows: `der` is its certificate, of which the proofs hold the hash.

    >>> Certificate.fresh().der == Certificate.fresh().der
    False
    """

    der: bytes = field(repr=False)
    _context: ssl.SSLContext = field(repr=False)

    @classmethod
    def fresh(cls) -> Certificate:
        """A self-signed certificate over a new P-256 key, both of which live as long as it does.

        The key is on disk for a moment, because `ssl` reads from files only: encrypted with a
        password that is thrown away, in a directory of this user that is removed at once.

        >>> Certificate.fresh()
        Certificate()
        """
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "netchannels")])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_ALWAYS)
            .not_valid_after(_FOR_EVER)
            .sign(key, hashes.SHA256())
        )
        password = secrets.token_bytes(32).hex().encode()
        pem = made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password),
        )
        context = _strict(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory(prefix="netchannels-") as directory:  # made with mode 0700
            path = os.path.join(directory, "pem")
            with open(path, "wb") as file:  # closed before it is read: Windows wants that
                file.write(pem)
            context.load_cert_chain(path, password=password)
        return cls(made.public_bytes(serialization.Encoding.DER), context)

    def server_context(self) -> ssl.SSLContext:
        """The context with which a server shows this certificate, always the same.

        >>> Certificate.fresh().server_context().minimum_version.name
        'TLSv1_3'
        """
        return self._context


def client_context() -> ssl.SSLContext:
    """A context for a client that takes any certificate, because a proof over its hash follows.

    >>> client_context().verify_mode.name
    'CERT_NONE'
    """
    context = _strict(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def user_contexts(
    certfile: Path, keyfile: Path, cafile: Path
) -> tuple[Certificate, ssl.SSLContext]:
    """Mutual TLS: what a server shows, and the context of a client, from PEM files of the user.

    `certfile` holds the certificate of this program, with those between it and the authority
    behind it; `keyfile` its private key, without a password; `cafile` the authority, whose
    certificates and no others are taken from the other side.  Clients also look whether the
    certificate is for the host that they dialled.

    Raises `SecretError` when a file is missing, is not what it should be, or the key does not
    belong to the certificate.

    >>> user_contexts("here.pem", "here.key", "authority.pem")
    Traceback (most recent call last):
    netchannels.SecretError: here.pem cannot be read: No such file or directory
    """
    certfile, keyfile, cafile = (os.fspath(path) for path in (certfile, keyfile, cafile))
    der = _first_certificate(certfile)
    contexts = _strict(ssl.PROTOCOL_TLS_SERVER), _strict(ssl.PROTOCOL_TLS_CLIENT)
    for context in contexts:
        context.verify_mode = ssl.CERT_REQUIRED
        _load_key(context, certfile, keyfile)
        _load_authority(context, cafile)
    server, client = contexts
    return Certificate(der, server), client


def _strict(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_TICKET
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0  # each link has a handshake and a proof of its own
    return context


def _first_certificate(path: str) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        with open(path, "rb") as file:
            found = x509.load_pem_x509_certificates(file.read())
    except OSError as error:
        raise SecretError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SecretError(f"{path} holds no certificate in PEM format") from error
    return found[0].public_bytes(Encoding.DER)


def _load_key(context: ssl.SSLContext, certfile: str, keyfile: str) -> None:
    try:
        # a wrong password, for without one ssl would ask for it on the terminal
        context.load_cert_chain(certfile, keyfile, password="none")
    except ssl.SSLError as error:
        raise SecretError(
            f"{keyfile} is no private key that belongs to {certfile}: it must be in PEM format, "
            "without a password"
        ) from error
    except OSError as error:
        raise SecretError(f"{keyfile} cannot be read: {error.strerror}") from error


def _load_authority(context: ssl.SSLContext, cafile: str) -> None:
    try:
        context.load_verify_locations(cafile)
    except ssl.SSLError as error:
        raise SecretError(f"{cafile} holds no certificate in PEM format") from error
    except OSError as error:
        raise SecretError(f"{cafile} cannot be read: {error.strerror}") from error
