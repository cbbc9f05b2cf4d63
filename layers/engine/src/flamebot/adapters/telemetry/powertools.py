"""Logs and CloudWatch metrics (EMF) through Powertools."""

from __future__ import annotations

import logging
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from flamebot.adapters.telemetry.log_lines import LogLines, fielded

NAMESPACE: Final = "Flamebot"
_VALUES_PER_METRIC: Final = 99  # at 100 values Powertools writes a metric by itself


class PowertoolsTelemetry:
    """`Telemetry` of one function. Threads may share it.

    Metrics are collected and written by `flush`. Their dimension is `service`; those with an action
    have a second dimension set (service, action), so that sums need no list of actions. A counter
    has one value per flush, its sum.
    """

    def __init__(self, service: str) -> None:
        """Set the function's name, for the dimension and for each log line."""
        self._service = service
        self._logger = Logger(
            service=service, logger_handler=_Stdout(), logger_formatter=LogLines()
        )
        self._lock = threading.Lock()
        self._counts: dict[str | None, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._seconds: dict[str | None, dict[str, list[float]]] = defaultdict(
            lambda: defaultdict(list)
        )

    def count(self, name: str, value: float = 1, *, action: str | None = None) -> None:
        """Add to a counter. Adding 0 emits it, which an alarm on missing data needs."""
        with self._lock:
            self._counts[action][name] += value

    def seconds(self, name: str, value: float, *, action: str | None = None) -> None:
        """Record a duration or an age in seconds."""
        with self._lock:
            self._seconds[action][name].append(value)

    def info(self, event: str, **fields: object) -> None:
        """Log an event at the level INFO."""
        self._logger.info(event, extra=fielded(fields), stacklevel=3)

    def warn(self, event: str, **fields: object) -> None:
        """Log an event that needs attention."""
        self._logger.warning(event, extra=fielded(fields), stacklevel=3)

    def flush(self) -> None:
        """Write the collected metrics once; write nothing if there are none."""
        with self._lock:
            counts, seconds = self._counts, self._seconds
            self._counts = defaultdict(lambda: defaultdict(float))
            self._seconds = defaultdict(lambda: defaultdict(list))
            for action in [*counts, *(a for a in seconds if a not in counts)]:
                self._write(action, counts.get(action, {}), seconds.get(action, {}))

    @contextmanager
    def invocation(self, context: object = None) -> Iterator[None]:
        """Wrap a handler: set the request id of log lines, and flush at the end in any case.

        An exception is logged by its type only, because its text may hold a client's input.
        """
        request_id = getattr(context, "aws_request_id", None)
        if request_id:
            self._logger.append_keys(function_request_id=request_id)
        try:
            yield
        except Exception as error:
            fields = fielded({"error_type": type(error).__name__})
            self._logger.error("invocation_failed", extra=fields)  # noqa: TRY400  # see above
            raise
        finally:
            if request_id:
                self._logger.remove_keys(["function_request_id"])
            self.flush()

    def _write(
        self, action: str | None, counts: Mapping[str, float], seconds: Mapping[str, list[float]]
    ) -> None:
        longest = max((len(values) for values in seconds.values()), default=0)
        for start in range(0, max(longest, 1), _VALUES_PER_METRIC):
            metrics = EphemeralMetrics(namespace=NAMESPACE, service=self._service)
            if action is not None:
                metrics.add_dimensions(service=self._service, action=action)
            if start == 0:
                for name, value in counts.items():
                    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
            for name, values in seconds.items():
                part = values[start : start + _VALUES_PER_METRIC]
                if not part:
                    continue
                metrics.add_metric(name=name, unit=MetricUnit.Seconds, value=part[0])
                # Not through add_metric: each call formats all values so far for a debug line, and
                # a hundred calls took a fifth of a step's processor time.
                metrics.metric_set[name]["Value"] += part[1:]
            metrics.flush_metrics()


class _Stdout(logging.Handler):
    """Writes to the current standard output, as metrics do: it may be redirected meanwhile."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as one line."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001  # like any logging handler: a failed line must not fail the caller
            self.handleError(record)
        else:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
