"""A Postgres that accepts logins as RDS does: over TLS, with any signed token.

The embedded server is built without TLS, so TLS ends in front of it.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from bench.database import Session
from devstack.postgres import Server, embedded_postgres

# The server itself writes the file, in its own directory.
_LET_IN = "copy (select 'host all all 127.0.0.1/32 trust') to program 'cat > pg_hba.conf'"
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")


@contextmanager
def iam_database(directory: Path) -> Iterator[tuple[Server, Server]]:
    """Run a server for the length of a block.

    Yield its URL for this process and for the functions.
    """
    with embedded_postgres(directory) as server:
        with closing(Session(server.url())) as session:
            session.rows(_LET_IN)
            session.value("select pg_reload_conf()")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(directory / "tls.pem"))
        with socket.create_server(("127.0.0.1", 0)) as front:
            threading.Thread(
                target=_accept, args=(front, context, server), name="tls", daemon=True
            ).start()
            yield server, replace(server, port=front.getsockname()[1])


def _accept(front: socket.socket, context: ssl.SSLContext, server: Server) -> None:
    with suppress(OSError):  # closed: the block has ended
        while True:
            client, _ = front.accept()
            threading.Thread(
                target=_serve, args=(client, context, server), name="tls", daemon=True
            ).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, server: Server) -> None:
    """Serve one connection: agree to TLS as Postgres does, then forward the bytes."""
    with suppress(OSError), plain:
        if plain.recv(len(_SSL_REQUEST), socket.MSG_WAITALL) != _SSL_REQUEST:
            return
        plain.sendall(b"S")
        with (
            context.wrap_socket(plain, server_side=True) as client,
            socket.create_connection((server.host, server.port)) as upstream,
        ):
            back = threading.Thread(
                target=_pass_on, args=(upstream, client), name="tls", daemon=True
            )
            back.start()
            _pass_on(client, upstream)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def _certificate(path: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)  # noqa: TID251  # a certificate is valid in wall time
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
    )
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.touch(mode=0o600)
    path.write_bytes(pem + certificate)
    return path
