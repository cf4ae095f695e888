"""``/metrics``: what the hosts have counted, in Prometheus' text form."""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from openenv_tasksets.server.counts import BOUNDS_S, Counts, Durations
from openenv_tasksets.server.host import Host

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_LABELS = ("environment",)
_DURATIONS = {
    "tasksets_reset_seconds": ("Resets that were answered with an observation.", "resets"),
    "tasksets_step_seconds": ("Steps that were answered with an observation.", "steps"),
}
_TOTALS = {
    "tasksets_sessions_opened": ("Sessions that were begun.", "opened"),
    "tasksets_episodes_finished": ("Episodes that came to their end, be it a limit.", "finished"),
}


class Metrics:
    """The metrics of some hosts and of this process. Nothing is computed until they are asked for.

    Args:
        hosts: Each under its id.
    """

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Hosts(hosts))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All of them, of the type ``CONTENT_TYPE``."""
        return generate_latest(self._registry)


class _Hosts(Collector):
    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = hosts

    def collect(self) -> Iterable[Metric]:
        yield from self._sessions()
        counts = [host.counts for host in self._hosts]
        for name, (text, attribute) in _TOTALS.items():
            total = CounterMetricFamily(name, text, labels=_LABELS)
            for each in counts:
                total.add_metric([each.environment], getattr(each, attribute))
            yield total
        for name, (text, attribute) in _DURATIONS.items():
            yield _histogram(name, text, {each.environment: getattr(each, attribute) for each in counts})
        yield _errors(counts)
        yield _rows(counts)
        yield self._positions()
        yield from self._servers()

    def _sessions(self) -> Iterable[Metric]:
        taken = GaugeMetricFamily("tasksets_sessions", "Sessions that have a slot.", labels=_LABELS)
        limit = GaugeMetricFamily("tasksets_sessions_limit", "Slots.", labels=_LABELS)
        waiting = GaugeMetricFamily("tasksets_sessions_waiting", "Clients that wait for a slot.", labels=_LABELS)
        refused = CounterMetricFamily("tasksets_sessions_refused", "Clients that got no slot.", labels=_LABELS)
        for host in self._hosts:
            slots = host.sessions.slots
            taken.add_metric([host.id], slots.taken)
            limit.add_metric([host.id], slots.limit)
            waiting.add_metric([host.id], slots.waiting)
            refused.add_metric([host.id], slots.refused)
        return [taken, limit, waiting, refused]

    def _servers(self) -> Iterable[Metric]:
        up = GaugeMetricFamily(
            "tasksets_environment_server_up", "Whether the package's own server answers.", labels=_LABELS
        )
        restarts = CounterMetricFamily(
            "tasksets_environment_server_restarts", "How often it was started again.", labels=_LABELS
        )
        for host in self._hosts:
            if host.server is not None:
                up.add_metric([host.id], host.server.is_up)
                restarts.add_metric([host.id], host.server.restarts)
        return [up, restarts]

    def _positions(self) -> Metric:
        gauge = GaugeMetricFamily(
            "tasksets_next_position",
            "The position that the next reset without a selector gets: what --start-position takes on.",
            labels=("environment", "split"),
        )
        for host in self._hosts:
            for split in host.taskset:
                gauge.add_metric([host.id, split], host.positions.coming(split))
        return gauge


def _histogram(name: str, text: str, durations: dict[str, Durations]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=_LABELS)
    for environment, each in durations.items():
        buckets, so_far = [], 0
        for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), each.classes, strict=True):
            so_far += count
            buckets.append((bound, so_far))
        family.add_metric([environment], buckets, each.seconds)
    return family


def _errors(counts: Iterable[Counts]) -> Metric:
    family = CounterMetricFamily("tasksets_errors", "Errors that clients were told.", labels=("environment", "kind"))
    for each in counts:
        for kind, count in sorted(each.errors.items()):
            family.add_metric([each.environment, kind], count)
    return family


def _rows(counts: Iterable[Counts]) -> Metric:
    text = "Rows of resets: had at once, or fetched while the client waited."
    family = CounterMetricFamily("tasksets_rows", text, labels=("environment", "how"))
    for each in counts:
        family.add_metric([each.environment, "at_hand"], each.at_hand)
        family.add_metric([each.environment, "fetched"], each.fetched)
    return family
