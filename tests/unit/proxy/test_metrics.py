"""The status as Prometheus reads it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from understudy.proxy.counts import BUCKETS, StackStats, WorkerStats, as_json, total
from understudy.proxy.metrics import exposition


def samples() -> dict[tuple[str, tuple[str, ...]], float]:
    requests = {"received": 0, **{bucket: n for n, bucket in enumerate(BUCKETS, 1)}}
    requests["received"] = sum(requests.values()) + 2
    stacks = {
        "old": StackStats("primary", 68, failed={"timeout": 3}, connections=4),
        'n"e\\w': StackStats("shadow", 5, 3, 2, 1, {"refused": 1}, 4, 1, "open", 7),
    }
    stats = WorkerStats(requests, 2, 9, stacks, {"framing": 11}, 5, 100, 1, 2, 3, 0)
    judge = {"judged": 4, "backlog": 1, "lost": 2, "torn": 0, "fluentd": {"sent": 8, "dropped": 1}}
    status = {**as_json(total([stats]), judge), "percent": 50.0, "workers": [{"ready": True, "lives": 3}]}
    text = exposition(status).decode()
    return {
        (sample.name, tuple(sample.labels[name] for name in sorted(sample.labels, reverse=True))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_bucket_is_a_counter_and_they_add_up() -> None:
    found = samples()
    buckets = [found["understudy_requests_total", (bucket,)] for bucket in BUCKETS]
    assert buckets == list(range(1, len(BUCKETS) + 1))
    assert found["understudy_requests_received_total", ()] == sum(buckets) + found["understudy_requests_in_flight", ()]


def test_stacks_breakers_refusals_and_the_judge_are_told() -> None:
    found = samples()
    shadow = 'n"e\\w'
    for name, labels, value in (
        ("understudy_stack_requests_total", ("old", "primary"), 68),
        ("understudy_stack_failures_total", ("old", "timeout"), 3),
        ("understudy_stack_failures_total", (shadow, "refused"), 1),
        ("understudy_stack_answers_total", (shadow, "equal"), 3),
        ("understudy_stack_answers_total", (shadow, "shed"), 1),
        ("understudy_breaker_state", (shadow,), 2),
        ("understudy_breaker_opened_total", (shadow,), 7),
        ("understudy_stack_connections", ("old",), 4),
        ("understudy_refused_total", ("framing",), 11),
        ("understudy_client_connections", (), 9),
        ("understudy_mirror_percent", (), 50),
        ("understudy_workers_ready", (), 1),
        ("understudy_workers_started_total", (), 3),
        ("understudy_hook_failures_total", (), 3),
        ("understudy_judged_total", (), 4),
        ("understudy_judge_backlog", (), 1),
        ("understudy_judge_lost_total", (), 2),
        ("understudy_fluentd_events_total", ("dropped",), 1),
    ):
        assert found[name, labels] == value, name
    assert ("understudy_stack_answers_total", ("old", "equal")) not in found
