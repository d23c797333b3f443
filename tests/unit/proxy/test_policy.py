"""Which requests are mirrored."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from understudy.config import Mirror
from understudy.proxy.head import RequestHead, read_request
from understudy.proxy.policy import Policy, cookie, share_of


def head(target: str = "/", method: str = "GET", *fields: str) -> RequestHead:
    lines = [f"{method} {target} HTTP/1.1", "Host: a", *fields]
    return read_request(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))


def policy(chance: float = 0.5, **settings: object) -> Policy:
    return Policy(msgspec.convert(settings, Mirror), lambda: chance)


@pytest.mark.parametrize(
    ("settings", "method", "target", "eligible"),
    [
        ({}, "GET", "/", True),
        ({}, "HEAD", "/", True),
        ({}, "POST", "/", False),
        ({}, "get", "/", False),
        ({}, "OPTIONS", "*", False),
        ({"methods": ["post"]}, "POST", "/", True),
        ({"methods": ["post"]}, "GET", "/", False),
        ({"methods": []}, "GET", "/", False),
        ({"skip_paths": ["^/admin"]}, "GET", "/admin/x", False),
        ({"skip_paths": ["^/admin"]}, "GET", "/x/admin", True),
        ({"skip_paths": ["^/admin"]}, "GET", "http://a/admin", False),
        ({"skip_paths": ["^/admin"]}, "GET", "HTTP://a/admin?x", False),
        ({"skip_paths": ["secret"]}, "GET", "/?secret", True),
        ({"skip_paths": ["^/$"]}, "GET", "/?secret", False),
        ({"skip_paths": ["^/$"]}, "GET", "http://a", False),
        ({"skip_paths": ["a", "b"]}, "GET", "/b", False),
        ({"only_paths": ["^/api/"]}, "GET", "/api/x", True),
        ({"only_paths": ["^/api/"]}, "GET", "/x", False),
        ({"only_paths": ["^/a", "^/b"]}, "GET", "/b", True),
        ({"only_paths": ["^/api/"], "skip_paths": ["/x$"]}, "GET", "/api/x", False),
        ({"only_paths": ["é"]}, "GET", "/\xe9", True),
    ],
)
def test_methods_and_paths_decide(settings: dict[str, object], method: str, target: str, eligible: bool) -> None:
    assert policy(**settings).eligible(head(target, method)) is eligible


def test_an_upgrade_is_not_mirrored() -> None:
    assert not policy().eligible(head("/", "GET", "Connection: upgrade", "Upgrade: websocket"))


@pytest.mark.parametrize(
    ("percent", "chance", "sampled"), [(0, 0.0, False), (10, 0.09, True), (10, 0.1, False), (100, 1, True)]
)
def test_a_random_sample_is_by_chance(percent: float, chance: float, sampled: bool) -> None:
    assert policy(chance, percent=percent).sampled(head(), b"1.1.1.1") is sampled


@pytest.mark.parametrize("by", ["client", "header:X-User", "cookie:sid"])
def test_a_sample_by_key_holds_all_requests_of_a_key_and_grows_with_the_percentage(by: str) -> None:
    def sampled(percent: float) -> set[int]:
        rules = policy(percent=percent, sample_by=by)
        found = set()
        for n in range(2000):
            request = head("/", "GET", f"x-user: user-{n}", f"Cookie: a=b; sid=user-{n}; c=d")
            client = b"10.0.%d.%d" % divmod(n, 256)
            if rules.sampled(request, client):
                found.add(n)
                assert rules.sampled(request, client)
        return found

    samples = [sampled(percent) for percent in (0, 1, 10, 50, 99)]
    for smaller, larger in itertools.pairwise(samples):
        assert smaller <= larger
    for percent, sample in zip((0, 1, 10, 50, 99), samples, strict=True):
        assert abs(len(sample) / 20 - percent) <= 3


@pytest.mark.parametrize("by", ["header:X-User", "cookie:sid"])
def test_requests_without_the_key_are_sampled_by_chance_and_not_all_alike(by: str) -> None:
    for fields in ([], ["X-User:", "Cookie: other=1; sid="]):
        assert policy(0.04, percent=5, sample_by=by).sampled(head("/", "GET", *fields), b"1.1.1.1")
        assert not policy(0.06, percent=5, sample_by=by).sampled(head("/", "GET", *fields), b"1.1.1.1")


def test_where_a_key_stands_never_changes() -> None:
    assert [round(share_of(key), 6) for key in (b"", b"a", b"10.0.0.1")] == [0.866604, 0.26259, 0.04573]
    assert all(0 <= share_of(b"%d" % n) < 1 for n in range(1000))


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (b"sid=1", b"1"),
        (b"a=b; sid=1; c=d", b"1"),
        (b"a=b;sid=1", b"1"),
        (b"xsid=2; sid=1", b"1"),
        (b"sid=a=b", b"a=b"),
        (b"sid", b""),
        (b"", b""),
        (b"SID=1", b""),
    ],
)
def test_a_cookie_is_found(header: bytes, value: bytes) -> None:
    assert cookie(header, b"sid") == value
