"""Real servers in containers: where the engine is, which image a name stands for, and what is cleaned up."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import importlib.util
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import docker
import pymysql
import pytest
from docker.errors import DockerException, NotFound
from docker.models.containers import Container
from pymysql.cursors import Cursor
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from support import free_port, wait_until

testcontainers_config.ryuk_disabled = True  # `sweep` removes what a killed run left, without another image to pull
OWNER = "understudy.test-process"
REPOSITORY = Path(__file__).resolve().parent.parent
ROOT_PASSWORD = "understudy"
ROOT = {"MYSQL_ROOT_PASSWORD": ROOT_PASSWORD, "MARIADB_ROOT_PASSWORD": ROOT_PASSWORD}
NO_ZONES = {"MYSQL_INITDB_SKIP_TZINFO": "1", "MARIADB_INITDB_SKIP_TZINFO": "1"}  # our own images have none either
# Of our own images' test.cnf, what answers depend on or speed does; every server here knows them. With native AIO each
# 9.7 takes 2,300 of the machine's 65,536 requests (fs.aio-max-nr), and one that gets none does not start.
SETTINGS = (
    "--bind-address=0.0.0.0", "--skip-name-resolve", "--secure-file-priv=", "--log-bin=binlog",
    "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M",
    "--innodb-use-native-aio=0",
)  # fmt: skip


def must_have(reason: str) -> NoReturn:
    """Skip, saying why; where CI=true nothing may be skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI=true, and {reason}")
    pytest.skip(reason)


@functools.cache
def why_no_engine() -> str:
    """Why there is no Docker engine here; empty where there's one."""
    try:
        client = docker.from_env()
    except DockerException as error:
        return f"no Docker engine answers (make images sets one up): {error}"
    client.close()
    return ""


@functools.cache
def image(name: str) -> str:
    """The image that `name` (mysql-9.7) stands for; the test is skipped where it can't be had."""
    tag: str = builder().tag(name)
    if _docker("image", "inspect", tag).returncode and _docker("pull", "-q", tag).returncode:
        must_have(f"there is no image {tag}: python3 docker/images/build.py {name}")
    return tag


def _docker(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["docker", *arguments], capture_output=True, check=False)


@functools.cache
def builder() -> ModuleType:
    """docker/images/build.py, which knows the images' names."""
    spec = importlib.util.spec_from_file_location("build_images", REPOSITORY / "docker/images/build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def owned() -> dict[str, str]:
    """The label that says which process a container or network belongs to."""
    return {OWNER: str(os.getpid())}


def sweep() -> None:
    """Remove what test runs left behind that did not live to do it themselves.

    One process at a time: the engine refuses to remove what another has begun to, and a network before its containers.
    """
    with (REPOSITORY / "pyproject.toml").open() as lock, contextlib.closing(docker.from_env()) as client:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for thing in [*client.containers.list(all=True, filters={"label": OWNER}, ignore_removed=True)]:
            if not Path(f"/proc/{thing.labels[OWNER]}").exists():
                with contextlib.suppress(NotFound):
                    thing.remove(force=True, v=True)
        for network in client.networks.list(filters={"label": OWNER}):
            if not Path(f"/proc/{network.attrs['Labels'][OWNER]}").exists():
                with contextlib.suppress(NotFound):
                    network.remove()


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """A network of its own."""
    with Network(docker_network_kw={"labels": owned()}) as created:
        yield created


@contextlib.contextmanager
def running(
    name: str,
    *command: str,
    network: Network | None = None,
    alias: str = "",
    port: int = 0,
    environ: dict[str, str] | None = None,
    volumes: dict[Path, str] | None = None,
    **options: Any,
) -> Iterator[Service]:
    """Run the image that `name` stands for. `port` is published on a port of 127.0.0.1 that outlives a restart.

    With network_mode="host" `port` is the service's own.
    """
    container = DockerContainer(image(name)).with_envs(**(environ or {}))
    container.with_kwargs(labels=owned(), **options)
    on_host = options.get("network_mode") == "host"
    published = port if on_host else free_port()
    if command:
        container.with_command(list(command))
    if network is not None:
        container.with_network(network).with_network_aliases(alias)
    if port and not on_host:
        container.ports[f"{port}/tcp"] = ("127.0.0.1", published)
    for source, target in (volumes or {}).items():
        container.with_volume_mapping(str(source), target, "ro")
    with container:
        yield Service(container.get_wrapped_container(), published)


class Service:
    """A container that runs, and the port of 127.0.0.1 where it's reached."""

    def __init__(self, container: Container, port: int) -> None:
        self.container = container
        self.port = port

    @property
    def url(self) -> str:
        """Where it is reached, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def run(self, *command: str) -> str:
        """What a command in the container prints; it has to succeed."""
        code, output = self.container.exec_run(list(command))
        assert code == 0, f"{command}: exit {code}\n{output.decode(errors='replace')}"
        text: str = output.decode()
        return text

    def log(self) -> str:
        """All that the container has printed."""
        text: str = self.container.logs().decode(errors="replace")
        return text

    def state(self) -> dict[str, Any]:
        """The engine's view of it: Status, ExitCode, Health and others."""
        self.container.reload()
        state: dict[str, Any] = self.container.attrs["State"]
        return state

    def sql(self, database: str = "") -> contextlib.AbstractContextManager[Cursor]:
        """A cursor as root, once the server answers; every statement commits by itself."""
        return _cursor(self.port, database)


@contextlib.contextmanager
def _cursor(port: int, database: str) -> Iterator[Cursor]:
    def connect() -> Any:
        with contextlib.suppress(pymysql.err.OperationalError):
            return pymysql.connect(
                host="127.0.0.1", port=port, user="root", password=ROOT_PASSWORD, database=database or None,
                autocommit=True, charset="utf8mb4",
            )  # fmt: skip
        return None

    connection = wait_until(connect, 180, f"a database on port {port}")
    with connection, connection.cursor() as cursor:
        yield cursor


def database(
    name: str, network: Network, alias: str, *options: str, **more: Any
) -> contextlib.AbstractContextManager[Service]:
    """A database server with further options of mysqld, the same whichever image stands behind the name.

    The vendors' images take root's password from the environment, and lack what our own have in their test.cnf.
    """
    environ = {**ROOT, **NO_ZONES}
    return running(name, *SETTINGS, *options, network=network, alias=alias, port=3306, environ=environ, **more)
