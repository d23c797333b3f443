"""The demo's stage: two shops, Understudy before them, and a folder for all they write, gone when it is over."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from understudy.demo.children import Child, Children, free_ports, ready
from understudy.demo.flavour import NEW, OLD, Flavour

SETTINGS = """\
# The settings of this demo; `understudy init` writes a file that explains all there are.
state_dir = "state"

[proxy]
listen = "127.0.0.1:{front}"
control = "127.0.0.1:{control}"
drain_ms = 2_000

[stacks.old]
url = "http://127.0.0.1:{old}"
role = "primary"

[stacks.new]
url = "http://127.0.0.1:{new}"
role = "shadow"

[mirror]
settle_ms = 200                     # a second look comes soon: nothing lags behind here
settle_per_second = 100
"""


@dataclass(frozen=True)
class Stage:
    """Where everything is: ports of 127.0.0.1, the settings file, and the children to come."""

    folder: Path
    ports: dict[str, int]
    children: Children

    @property
    def settings(self) -> Path:
        """understudy.toml."""
        return self.folder / "understudy.toml"

    def url(self, name: str) -> str:
        """The address of "old", "new", "front" (where the shoppers arrive) or "control"."""
        return f"http://127.0.0.1:{self.ports[name]}"

    async def open(self) -> None:
        """Start the shops, then Understudy, and wait until it serves. Raises StartError."""
        shops = [(self._start_shop(flavour), f"{self.url(flavour.name)}/health") for flavour in (OLD, NEW)]
        for shop, url in shops:
            await ready(shop, url)
        understudy = self.children.start("Understudy", ["-m", "understudy", "run", "-c", str(self.settings)])
        await ready(understudy, f"{self.url('control')}/health")

    def _start_shop(self, flavour: Flavour) -> Child:
        database = self.folder / f"{flavour.name}.sqlite"
        arguments = ["--flavour", flavour.name, "--port", str(self.ports[flavour.name]), "--database", str(database)]
        return self.children.start(f"{flavour.name} stack", ["-m", "understudy.demo.shop", *arguments])


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """A stage that nobody plays on yet; at the end no process and no file of it is left."""
    ports = dict(zip(("old", "new", "front", "control"), free_ports(4), strict=True))
    with tempfile.TemporaryDirectory(prefix="understudy-demo-") as name, Children(Path(name)) as children:
        it = Stage(Path(name), ports, children)
        it.settings.write_text(SETTINGS.format(**ports), encoding="utf-8")
        yield it
