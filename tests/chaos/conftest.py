"""Two small stacks, and Understudy as a process before them."""

from __future__ import annotations

import datetime
import ipaddress
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from running import Run, Running, Stage, gone


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    with made.old, made.new:
        yield made
        made.gate.set()


@pytest.fixture
def run(stage: Stage, tmp_path: Path) -> Iterator[Run]:
    """Start Understudy before the stage's stacks; what is left of it in the end is killed, and must be quiet."""
    started: list[Running] = []

    def start(start: bool = True, **sections: Any) -> Running:
        running = Running(tmp_path, stage.settings(**sections))
        started.append(running)
        return running.start() if start else running

    yield start
    stage.gate.set()
    pids: list[int] = []
    for running in started:
        if running.process is not None and running.process.poll() is None:
            pids += running.processes()
            running.stop()
    gone(pids)
    if started and (log := tmp_path / "understudy.log").exists():
        assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 and localhost that signs itself, with its key, in one PEM file."""
    now = datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    return file


@pytest.fixture
def certificate(authority: Path, tmp_path: Path) -> Path:
    """The same in a file of the test's own."""
    return Path(shutil.copy(authority, tmp_path / "certificate.pem"))
