"""A web server that terminates TLS in front of a platform, as an operator has one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_connection

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.platform_under_test import wait_for

__all__ = ["tls_in_front"]

REPOSITORY = Path(__file__).resolve().parents[2]


@contextmanager
def tls_in_front(folder: Path, *, port: int, target: int, host: str) -> Iterator[None]:
    """Forward HTTPS on a port of this machine to plain HTTP on another, hosts unchanged."""
    _write_certificate(folder, host)
    proxy = REPOSITORY / "hub" / "proxy" / "node_modules" / ".bin" / "configurable-http-proxy"
    own_node = REPOSITORY / ".tools" / "node" / "bin"
    command = [
        str(proxy),
        *("--ip", "127.0.0.1", "--port", str(port)),
        *("--api-ip", "127.0.0.1", "--api-port", "0"),
        *("--ssl-key", str(folder / "key.pem"), "--ssl-cert", str(folder / "certificate.pem")),
        *("--default-target", f"http://127.0.0.1:{target}"),
    ]
    environment = {
        "PATH": f"{own_node}:{os.environ['PATH']}",
        "CONFIGPROXY_AUTH_TOKEN": "unused",
    }
    with (folder / "tls.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            wait_for(lambda: _listens(port), what="the server that terminates TLS")
            yield
        finally:
            process.terminate()
            process.wait(20)


def _listens(port: int) -> bool:
    try:
        with closing(create_connection(("127.0.0.1", port), 1)):
            return True
    except OSError:
        return False


def _write_certificate(folder: Path, host: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(host), x509.DNSName(f"*.{host}")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
