"""The status as Prometheus reads it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST

_BREAKER = {"": 0, "closed": 0, "probing": 1, "open": 2}


class _Status(Collector):
    def __init__(self, status: Mapping[str, Any]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Every metric, from one status."""
        yield from _proxy(self._status)
        yield from _stacks(self._status["stacks"])
        yield from _judge(self._status["judge"])


def exposition(status: Mapping[str, Any], requests: Mapping[str, int] | None = None) -> bytes:
    """A status in Prometheus's text format.

    `requests` are the counts as the workers keep them, which never go down; those of the status do when segments are
    lost, and Prometheus would take that for a restart.
    """
    status = {**status, "requests": status["requests"] if requests is None else requests}
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Status(status))
    return generate_latest(registry)


def _proxy(status: Mapping[str, Any]) -> Iterator[Metric]:
    requests = dict(status["requests"])
    yield _counter("requests_received", "Requests received", requests.pop("received"))
    yield _counters("requests", "Requests by the one bucket each is in", "bucket", requests)
    yield _counters("refused", "Requests refused before any stack saw them, by reason", "reason", status["refused"])
    yield _gauge("requests_in_flight", "Requests not yet in a bucket", status["in_flight"])
    yield _gauge("client_connections", "Client connections open", status["connections"])
    yield _gauge("mirror_percent", "Share of the eligible requests that is mirrored", status["percent"])
    yield _gauge("workers_ready", "Workers serving", sum(worker["ready"] for worker in status["workers"]))
    yield _counter("workers_started", "Worker lives begun", sum(worker["lives"] for worker in status["workers"]))
    yield _counter("recorded", "Exchanges written to segments", status["recorded"])
    yield _counter("compared_by_digest", "Answers too long to hold, compared by digest", status["by_digest"])
    yield _counter("asked_again", "Differing requests asked a second time", status["asked_again"])
    yield _counter("hook_failures", "Exceptions raised by hooks", status["hook_failures"])


def _stacks(stacks: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    asked = CounterMetricFamily("understudy_stack_requests", "Requests sent to a stack", labels=["stack", "role"])
    judged = CounterMetricFamily(
        "understudy_stack_answers", "Answers of a shadow by outcome", labels=["stack", "outcome"]
    )
    failed = CounterMetricFamily(
        "understudy_stack_failures", "Requests a stack did not answer", labels=["stack", "reason"]
    )
    opened = CounterMetricFamily("understudy_breaker_opened", "Times a shadow was left alone", labels=["stack"])
    breaker = GaugeMetricFamily("understudy_breaker_state", "0 closed, 1 probing, 2 open", labels=["stack"])
    connections = GaugeMetricFamily("understudy_stack_connections", "Connections open to a stack", labels=["stack"])
    for name, stack in stacks.items():
        asked.add_metric([name, stack["role"]], stack["requests"])
        connections.add_metric([name], stack["connections"])
        for reason, number in stack["failed"].items():
            failed.add_metric([name, reason], number)
        if stack["role"] == "shadow":
            for outcome in ("equal", "different", "shed"):
                judged.add_metric([name, outcome], stack[outcome])
            opened.add_metric([name], stack["breaker_opened"])
            breaker.add_metric([name], _BREAKER[stack["breaker"]])
    yield from (asked, judged, failed, opened, breaker, connections)


def _judge(judge: Mapping[str, Any]) -> Iterator[Metric]:
    yield _counter("judged", "Exchanges judged, over all runs", judge["judged"])
    yield _gauge("judge_backlog", "Exchanges recorded and not yet judged", judge["backlog"])
    for name, help_text in (("lost", "Exchanges removed before they were judged"), ("torn", "Torn or spoilt records")):
        if name in judge:
            yield _counter(f"judge_{name}", help_text, judge[name])
    if "fluentd" in judge:
        outcomes = {name: judge["fluentd"].get(name, 0) for name in ("sent", "dropped")}
        yield _counters("fluentd_events", "Events for fluentd by what became of them", "outcome", outcomes)


def _counter(name: str, help_text: str, value: float) -> Metric:
    return CounterMetricFamily(f"understudy_{name}", help_text, value=value)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"understudy_{name}", help_text, value=value)


def _counters(name: str, help_text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(f"understudy_{name}", help_text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
