"""The tree in a terminal, as a picture, as data: all of it is said, within the width, in any terminal."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replicas import MARIA, NEW, at, server, tree_of
from understudy.migrate import draw, graphviz, palette, picture
from understudy.migrate.describe import State, describe, duration, lines
from understudy.migrate.facts import Server
from understudy.migrate.topology import Tree, grow


def some_tree() -> Tree:
    broken = {
        "applying": False,
        "error": "Duplicate entry '17' for key\n'PRIMARY'",
        "error_number": 1062,
        "lag_s": None,
    }
    return grow(
        [
            server("old", reported_replicas=("10.0.0.9:3306",)),
            server("old-1", "old"),
            server("old-2", "old", known_as=("10.0.0.3:3306",)),
            server("new", "10.0.0.3", version=NEW, super_read_only=True, channel={"lag_s": 75.2}),
            server("new-1", "new", version=NEW, channel=broken),
        ]
    )


WIDE = """
server                  version       role          lag      threads          writes
old:3306                MySQL 5.6.51  source                                  writable
├── old-2:3306          MySQL 5.6.51  intermediate  0 s      running          read-only
│   │   also known as 10.0.0.3:3306
│   └── new:3306        MySQL 9.7.0   intermediate  75 s     running          super-read-only
│       └── new-1:3306  MySQL 9.7.0   replica       unknown  applier stopped  read-only
│               ✗ error 1062: Duplicate entry '17' for key 'PRIMARY'
├── 10.0.0.9:3306       not seen      replica
│       ✗ named by old:3306 as its replica
└── old-1:3306          MySQL 5.6.51  replica       0 s      running          read-only
"""

NARROW = """
old:3306
│   MySQL 5.6.51, source, writable
├── old-2:3306
│   │   MySQL 5.6.51, intermediate, lag
│   │   0 s, running, read-only
│   │   also known as 10.0.0.3:3306
│   └── new:3306
│       │   MySQL 9.7.0, intermediate,
│       │   lag 75 s, running,
│       │   super-read-only
│       └── new-1:3306
│               MySQL 9.7.0, replica,
│               lag unknown, applier
│               stopped, read-only
│               ✗ error 1062: Duplicate
│                 entry '17' for key
│                 'PRIMARY'
├── 10.0.0.9:3306
│       not seen, replica
│       ✗ named by old:3306 as its
│         replica
└── old-1:3306
        MySQL 5.6.51, replica, lag 0 s,
        running, read-only
"""


def test_a_tree_is_drawn_in_columns_where_there_is_room() -> None:
    assert draw.text(some_tree(), width=100) == WIDE.strip()


def test_in_a_narrow_terminal_what_is_said_stands_beneath_the_name() -> None:
    assert draw.text(some_tree(), width=40) == NARROW.strip()


def test_a_terminal_that_knows_only_ascii_gets_ascii() -> None:
    text = draw.text(some_tree(), ascii_only=True)
    assert text.isascii()
    assert "|   `-- new:3306" in text
    assert "! error 1062" in text


def test_what_a_server_says_can_not_command_the_terminal() -> None:
    tree = tree_of({"a": "", "b": "a"}, {"b": {"channel": {"error": "\x1b[2J\x07 boom\r\n"}}})
    assert "\x1b" not in draw.text(tree)
    assert "\x07" not in draw.text(tree)
    assert "boom" in draw.text(tree)


def test_what_is_odd_is_told_beneath_the_tree() -> None:
    text = draw.text(tree_of({"a": "b", "b": "a"}, {"a": {"read_only": False}}))
    assert "a:3306 and b:3306 are co-sources" in text
    assert "hint: stop replication" in text
    assert "follows b:3306, which is beneath it" in text


def test_before_and_after_are_drawn_with_what_changes() -> None:
    before = tree_of({"a": "", "b": "a", "c": "b", "n": ""})
    after = before.placed(before.servers["c:3306"], "a:3306").placed(before.servers["n:3306"], "c:3306")
    after = after.placed(msgspec.structs.replace(server("m"), version=None, channels=()), "n:3306")
    assert draw.changes(before, after) == {"c:3306": "moved from b:3306", "n:3306": "new", "m:3306": "new"}
    text = draw.before_and_after(before, after)
    assert text.startswith("Now:\n")
    assert "\nThen:\n" in text
    assert "moved from b:3306" in text
    assert "not built yet" in text


NAMES = ["a", "database-with-a-long-name.eu-west-1.example", "c", "d", "ü"]


@given(
    sources=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["", *NAMES]), min_size=1),
    error=st.text(max_size=80),
    width=st.integers(10, 160),
    ascii_only=st.booleans(),
)
def test_whatever_the_tree_every_server_is_drawn_and_no_line_is_too_wide(
    sources: dict[str, str], error: str, width: int, ascii_only: bool
) -> None:
    tree = tree_of(sources, {name: {"channel": {"error": error}} for name in sources if sources[name]})
    text = draw.text(tree, width=width, ascii_only=ascii_only)
    assert all(len(line) <= max(width, draw.NARROWEST) for line in text.splitlines())
    if width > 80 and not ascii_only:
        assert all(name in text for name in tree.servers)
    assert json.loads(json.dumps(draw.structure(tree)))["trees"]
    root = ET.fromstring(picture.svg(tree))
    assert len(root.findall("{*}g")) == len(tree.servers)
    assert graphviz.dot(tree).count("[label=") == len(tree.servers)


def test_as_data_a_tree_is_nested_as_it_is() -> None:
    data = draw.structure(some_tree())
    (old,) = data["trees"]
    assert [replica["address"] for replica in old["replicas"]] == ["old-2:3306", "10.0.0.9:3306", "old-1:3306"]
    new = old["replicas"][0]["replicas"][0]
    assert (new["level"], new["version"], new["lag"], new["server"]["super_read_only"]) == (
        2,
        "MySQL 9.7.0",
        "75 s",
        True,
    )
    assert [odd["kind"] for odd in data["oddities"]] == ["unreachable"]


def test_the_states_of_servers_are_told_apart() -> None:
    assert {line.address.removesuffix(":3306"): line.state for line in lines(some_tree())} == {
        "old": State.GOOD,
        "old-1": State.GOOD,
        "old-2": State.GOOD,
        "new": State.WARNING,
        "new-1": State.BROKEN,
        "10.0.0.9": State.UNSEEN,
    }


@pytest.mark.parametrize(
    ("channel", "lag", "threads"),
    [
        ({"lag_s": 0.25}, "0.25 s", "running"),
        ({"lag_s": None}, "unknown", "running"),
        ({"lag_s": 3700.0, "delay_s": 3600}, "1 h 2 min (delayed 1 h)", "running"),
        ({"receiving": False}, "0 s", "receiver stopped"),
        ({"receiving": False, "applying": False}, "0 s", "stopped"),
    ],
)
def test_lag_and_threads_are_said_in_words(channel: dict[str, object], lag: str, threads: str) -> None:
    line = describe(tree_of({"a": "", "b": "a"}, {"b": {"channel": channel}}), at("b"))
    assert (line.lag, line.threads) == (lag, threads)


def test_filters_are_told() -> None:
    tree = tree_of({"a": "", "b": "a"}, {"b": {"channel": {"filters": ("Replicate_Do_DB: shop",)}}})
    assert describe(tree, at("b")).trouble == ("replicates in part only: Replicate_Do_DB: shop",)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (9.87, "9.87 s"), (50, "50 s"), (119, "119 s"), (180, "3 min"), (7500, "2 h 5 min")],
)
def test_seconds_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


# --- the order of siblings


HOSTS = [
    "replica-1",
    "replica-2",
    "replica-10",
    "Replica-11:3306",
    "replica-11:3307",
    "10.0.0.9",
    "10.0.0.10",
    "feeder",
]


@given(order=st.permutations(HOSTS))
def test_siblings_are_drawn_by_role_host_and_port_in_whatever_order_they_were_found(order: list[str]) -> None:
    tree = tree_of({"source": "", **dict.fromkeys(order, "source"), "leaf": "feeder"})
    (root,) = draw.structure(tree)["trees"]
    expected = ["feeder", "10.0.0.9", "10.0.0.10", "replica-1", "replica-2", "replica-10"]
    addresses = [*map(at, expected), "Replica-11:3306", "replica-11:3307"]
    assert [one["address"] for one in root["replicas"]] == addresses
    assert [line.address for line in lines(tree) if line.source == root["address"]] == addresses


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(range(9)))
def test_every_drawing_of_a_tree_is_the_same_in_whatever_order_its_servers_were_found(order: list[int]) -> None:
    found = [
        server("a", "b", read_only=False),
        server("b", "a"),
        server("c", "a", reported_replicas=("lost-2:3306", "lost-10:3306")),
        server("d", "nobody", server_id=7),
        server("e", "nobody", server_id=7),
        server("f", version=NEW),
        server("g"),
        server("h", "f", version=MARIA),
        msgspec.structs.replace(server("i", "f"), channels=(*server("i", "f").channels, *server("i", "g").channels)),
    ]
    drawn = [_every_drawing(grow(servers)) for servers in (found, [found[index] for index in order])]
    assert drawn[0] == drawn[1]


def _every_drawing(tree: Tree) -> tuple[object, ...]:
    return draw.text(tree), draw.structure(tree), picture.svg(tree), graphviz.dot(tree)


# --- pictures


def test_a_picture_says_what_the_drawing_says_and_loads_nothing() -> None:
    text = picture.svg(some_tree(), title="<shop>", notes={"old-1:3306": "moves & stays"})
    said = "".join(ET.fromstring(text).itertext())
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    for words in (
        "<shop>",
        "6 servers, 3 good, 1 warning, 1 broken, 1 unseen",
        "old-1:3306",
        "also known as 10.0.0.3:3306",
        "MySQL 9.7.0 · intermediate · lag 75 s · running · super-read-only",
        "error 1062: Duplicate entry '17' for key 'PRIMARY'",
        "moves & stays",
        "not seen · replica",
    ):
        assert words in said


def test_each_card_has_its_state_in_a_word_beside_its_colour() -> None:
    cards = ET.fromstring(picture.svg(planned())).findall("{*}g")
    words = [card.findall("{*}text")[-1] for card in cards]
    assert [word.text for word in words] == [line.state for line in lines(planned())]
    assert [word.get("class") for word in words] == [f"state {word.text}" for word in words]
    assert {word.text for word in words} == {"good", "planned", "broken", "unseen", "warning"}


def planned() -> Tree:
    return some_tree().placed(Server("new-2:3306"), "new:3306")


def test_what_is_odd_is_told_beneath_a_picture_and_drawn_around_its_cards() -> None:
    text = picture.svg(tree_of({"a": "b", "b": "a"}, {"a": {"read_only": False}}))
    assert "a:3306 and b:3306 are co-sources" in " ".join(ET.fromstring(text).itertext())
    assert text.count('class="link also"') == 1


DOMAIN = ".c9akciq32rgt.eu-west-1.rds.amazonaws.com"
STATES: list[dict[str, object]] = [
    {},
    {"channel": {"lag_s": 3700.0, "delay_s": 3600}},
    {"channel": {"applying": False, "lag_s": None, "error": "Duplicate entry '17' for key 'PRIMARY'; " * 9}},
    {"channel": {"error": "キー" * 90}},
    {"unreachable": "no answer in 3 s"},
]


def many() -> Tree:
    """31 servers with long names: a source, five that feed five each, all in turns in every state."""
    sources = {f"shop-source{DOMAIN}": ""}
    for branch in range(1, 6):
        feeder = f"shop-production-intermediate-{branch}{DOMAIN}"
        sources[feeder] = f"shop-source{DOMAIN}"
        sources |= {f"shop-production-replica-{branch}{leaf}{DOMAIN}": feeder for leaf in range(1, 6)}
    return tree_of(sources, {name: STATES[index % 5] for index, name in enumerate(sources) if sources[name]})


def test_cards_hold_their_words_and_do_not_overlap_with_31_servers_and_long_names() -> None:
    tree = many()
    every = lines(tree)
    assert len(every) == 31
    right = max(map(picture._right, every))
    assert right < 1000
    cards = list(picture._placed(every, right).values())
    for above, card in zip([None, *cards], cards, strict=False):
        assert above is None or above.bottom < card.y
        assert card.rows[0] == ("name", card.line.address), "whole, and on one row"
        room = right - card.x - 2 * picture.PAD
        state = picture._width(card.line.state, picture.SMALL)
        assert picture._width(card.line.address, picture.BIG) + state < room
        assert all(picture._width(row.text, picture.SMALL) <= room for row in card.rows[1:]), card.rows


def test_a_name_that_is_wider_than_any_card_goes_on_in_the_next_row() -> None:
    name = ".".join(["a-label-of-a-name"] * 14)
    text = picture.svg(tree_of({name: ""}))
    assert "".join(one.text or "" for one in ET.fromstring(text).findall("{*}g/{*}text[@class='name']")) == at(name)


@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize("kind", palette.WORDS)
def test_every_ink_can_be_read_on_a_card_and_on_the_paper_of_its_shade(kind: str, shade: str) -> None:
    ink = getattr(palette.WORDS[kind], shade)
    for ground in (palette.CARD, palette.PAPER):
        assert contrast(ink, getattr(ground, shade)) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio and relative luminance."""
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_graphviz_gets_every_server_every_link_and_every_loop() -> None:
    text = graphviz.dot(tree_of({"a": "b", "b": "a", 'c"\\': "a"}, {"a": {"read_only": False}}))
    assert '"a:3306" -> "b:3306";' in text
    assert '"b:3306" -> "a:3306" [style=dashed];' in text
    assert '"a:3306" -> "c\\"\\\\:3306";' in text


def test_graphviz_gets_the_state_in_a_word_and_what_is_wrong() -> None:
    text = graphviz.dot(some_tree(), notes={"old-1:3306": "moved"})
    assert 'label="10.0.0.9:3306\\lunseen: not seen, replica\\lnamed by old:3306 as its replica\\l"' in text
    assert "broken: MySQL 9.7.0, replica, lag unknown, applier stopped, read-only\\lerror 1062: Duplicate" in text
    assert "read-only\\lmoved\\l" in text
