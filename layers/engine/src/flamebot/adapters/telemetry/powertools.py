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
_VALUES_PER_METRIC: Final = (
    99  # Powertools writes a metric out by itself at 100 values, in the middle of a flush
)


class PowertoolsTelemetry:
    """What one function tells about itself. Safe to share between threads.

    Metrics are gathered and written by `flush`: the dimension is `service`, and for what names an action a second
    dimension set (service, action) beside it, so that sums need no list of actions. Counters are summed: one value a flush.
    """

    def __init__(self, service: str) -> None:
        """Name the function, as its dimension and on each of its log lines."""
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
        """Add to a counter; 0 makes it appear, which is what an alarm on missing data looks for."""
        with self._lock:
            self._counts[action][name] += value

    def seconds(self, name: str, value: float, *, action: str | None = None) -> None:
        """Record a duration or an age."""
        with self._lock:
            self._seconds[action][name].append(value)

    def info(self, event: str, **fields: object) -> None:
        """Log what happened."""
        self._logger.info(event, extra=fielded(fields), stacklevel=3)

    def warn(self, event: str, **fields: object) -> None:
        """Log what somebody should look at."""
        self._logger.warning(event, extra=fielded(fields), stacklevel=3)

    def flush(self) -> None:
        """Write the gathered metrics, each once; nothing gathered, nothing written."""
        with self._lock:
            counts, seconds = self._counts, self._seconds
            self._counts = defaultdict(lambda: defaultdict(float))
            self._seconds = defaultdict(lambda: defaultdict(list))
            for action in [*counts, *(a for a in seconds if a not in counts)]:
                self._write(action, counts.get(action, {}), seconds.get(action, {}))

    @contextmanager
    def invocation(self, context: object = None) -> Iterator[None]:
        """Around a handler's body: the request id on each log line, metrics written at the end, also after an exception.

        An exception is logged by its type alone: its text may hold what a client sent.
        """
        request_id = getattr(context, "aws_request_id", None)
        if request_id:
            self._logger.append_keys(function_request_id=request_id)
        try:
            yield
        except Exception as error:
            self._logger.error(
                "invocation_failed", extra=fielded({"error_type": type(error).__name__})
            )  # noqa: TRY400  # no traceback: see above
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
                # Each call formats all values so far, for a log line that nobody reads: a hundred calls took a fifth of a step's time.
                metrics.metric_set[name]["Value"] += part[1:]
            metrics.flush_metrics()


class _Stdout(logging.Handler):
    """Writes to whatever standard output is at that moment, as metrics do: a logger outlives a redirection."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001  # as every handler: a line that cannot be written stops nobody
            self.handleError(record)
        else:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
