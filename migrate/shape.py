"""The bare shape of replication: who follows whom, and nothing else. Pure.

A shape is a forest: each server follows one other, or none and is a root. Its level is how many sources are above it.
A server may be named a head: then levels are counted anew beneath it, as if it were a root. The new source is such a
head: it takes a place among the replicas of its old source, but it is the source of a tree of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

from msgspec import Struct

NO_HEADS: frozenset[str] = frozenset()


class Shape(Struct, frozen=True, dict=True):
    """A forest as a mapping from each server to its source; a root's source is empty."""

    sources: Mapping[str, str]

    @cached_property
    def _children(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {name: [] for name in self.sources}
        for name, source in self.sources.items():
            if source:
                found[source].append(name)
        return {name: tuple(names) for name, names in found.items()}

    @property
    def roots(self) -> tuple[str, ...]:
        """The servers that follow none."""
        return tuple(name for name, source in self.sources.items() if not source)

    def __contains__(self, name: str) -> bool:
        return name in self.sources

    def children(self, name: str) -> tuple[str, ...]:
        """The servers that follow this one, in the order in which they were named."""
        return self._children[name]

    def above(self, name: str) -> Iterator[str]:
        """Its source, that one's source, and so on up to the root."""
        while name := self.sources[name]:
            yield name

    def below(self, name: str) -> Iterator[str]:
        """All servers beneath it, depth first."""
        for child in self.children(name):
            yield child
            yield from self.below(child)

    def walk(self) -> Iterator[str]:
        """All servers, depth first: a source comes before its replicas."""
        for root in self.roots:
            yield root
            yield from self.below(root)

    def level(self, name: str, heads: Collection[str] = NO_HEADS) -> int:
        """How many levels below its root, or below the nearest head above it."""
        level = 0
        for source in self.above(name):
            level += 1
            if source in heads:
                break
        return level

    def height(self, name: str, heads: Collection[str] = NO_HEADS) -> int:
        """How many levels are beneath it; what is beneath a head that is lower down does not count."""
        children = self.children(name)
        return max((1 + (0 if child in heads else self.height(child, heads)) for child in children), default=0)

    def placed(self, name: str, source: str) -> Shape:
        """The shape with this server, new or moved with all that is beneath it, under that source."""
        return Shape({**self.sources, name: source})

    def without(self, name: str) -> Shape:
        """The shape without a server that nobody follows."""
        return Shape({other: source for other, source in self.sources.items() if other != name})
