"""Log lines of all processes: structlog's loggers over Python's logging. JSON; readable on a terminal or with DEBUG.

`get_logger(__name__)` gives each module its logger, anywhere. `configure()` is called once by each process of ours when
it starts; a project's own handlers on the root logger stay, ours comes only where there is none. What is bound with
`bind()` (job, task, worker, node, attempt) stands in every line of both kinds of logger until it is unbound. Events and
fields go out as they were given: a handler of the project prints "event key=value", ours prints them its way.
"""

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, TextIO

import structlog
from structlog.contextvars import bind_contextvars as bind
from structlog.contextvars import bound_contextvars as bound
from structlog.contextvars import clear_contextvars as clear
from structlog.contextvars import merge_contextvars
from structlog.contextvars import unbind_contextvars as unbind

from pool.conf import get_config
from pool.domain.config import PoolConfig
from pool.domain.errors import InvalidConfig

__all__ = ["LineHandler", "Logger", "bind", "bound", "clear", "configure", "get_logger", "logging_settings", "unbind"]

Event = MutableMapping[str, Any]
Logger = structlog.stdlib.BoundLogger

DJANGO = ("django", "django.server")
"""Loggers to which Django gives handlers of its own."""

QUIET = ("django.tasks", "django_tasks", "django.db.backends", "daphne", "asyncio")
"""Loggers that say at INFO or DEBUG what our own lines say, or what nobody needs."""

NOT_FOR_PEOPLE = ("pid", "env", "process")
NOT_SERIALISABLE = ("request", "response")


class Line:
    """The message of a record: the event's name and its fields. As text it is readable under any formatter."""

    __slots__ = ("event", "fields")

    def __init__(self, event: str, fields: dict[str, Any]) -> None:
        self.event = event
        self.fields = fields

    def __str__(self) -> str:
        return " ".join([self.event, *(f"{key}={value!r}" for key, value in self.fields.items())])


def hand_over(_: Any, __: str, event: Event) -> tuple[tuple[Line], dict[str, Any]]:
    """The last processor of a structlog logger: a call of logging's."""
    kept = {key: event.pop(key) for key in ("exc_info", "stack_info") if key in event}
    return (Line(str(event.pop("event", "")), dict(event)),), kept


CHAIN = (
    structlog.stdlib.filter_by_level,
    merge_contextvars,
    structlog.stdlib.PositionalArgumentsFormatter(),
    hand_over,
)


def get_logger(name: str = "pool") -> Logger:
    logger: Logger = structlog.wrap_logger(
        logging.getLogger(name), processors=CHAIN, wrapper_class=Logger, cache_logger_on_first_use=True
    )
    return logger


def unfold(_: Any, __: str, event: Event) -> Event:
    """Take the fields out of a line of ours."""
    line = event["_record"].msg
    if isinstance(line, Line):
        event["event"] = line.event
        event.update(line.fields)
    return event


def drop_unserialisable(_: Any, __: str, event: Event) -> Event:
    for key in NOT_SERIALISABLE:
        event.pop(key, None)
    return event


def drop_machine_fields(_: Any, __: str, event: Event) -> Event:
    for key in NOT_FOR_PEOPLE:
        event.pop(key, None)
    return event


class BaseFields:
    """Puts into every line who says it: pid, process, and the kind of environment."""

    def __init__(self, process: str, debug: bool) -> None:
        self.process = process
        self.env = "development" if debug else "production"

    def __call__(self, _: Any, __: str, event: Event) -> Event:
        event.setdefault("process", self.process)
        event["pid"] = os.getpid()
        event["env"] = self.env
        return event


class LevelSwitch(logging.Filter):
    """Lets a worker's record pass when its level is switched on."""

    def __init__(self, config: PoolConfig) -> None:
        super().__init__()
        self.errors = config.log_worker_errors
        self.warnings = config.log_worker_warnings
        self.info = config.log_worker_info
        self.debug = config.log_worker_debug

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR:
            return self.errors
        if record.levelno >= logging.WARNING:
            return self.warnings
        return self.info if record.levelno >= logging.INFO else self.debug


class LineHandler(logging.StreamHandler[TextIO]):
    """Our handler. Which process it speaks for is set by `configure()`."""

    def __init__(self, debug: bool = False, log_format: str = "auto", process: str = "command") -> None:
        super().__init__()
        self.debug = debug
        self.log_format = log_format
        self.speak_for(process)

    def speak_for(self, process: str, stream: TextIO | None = None) -> None:
        if stream is not None:
            self.setStream(stream)
        for_a_person = self.debug or self.stream.isatty()
        readable = self.log_format == "console" or (self.log_format == "auto" and for_a_person)
        self.setFormatter(formatter(process, self.debug, self.stream if readable else None))


def formatter(process: str, debug: bool, terminal: TextIO | None) -> logging.Formatter:
    """Readable lines for a terminal, one JSON object a line without."""
    shared: Sequence[Any] = (
        unfold,
        merge_contextvars,
        structlog.stdlib.ExtraAdder(),
        drop_unserialisable,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        BaseFields(process, debug),
    )
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[clean, *(for_people(terminal) if terminal else for_machines())]
    )


def for_people(terminal: TextIO) -> list[Any]:
    renderer = structlog.dev.ConsoleRenderer(
        colors=terminal.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
    )
    return [drop_machine_fields, structlog.processors.TimeStamper("%H:%M:%S", utc=False), renderer]


def for_machines() -> list[Any]:
    return [
        structlog.processors.TimeStamper("iso"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(default=str),
    ]


def logging_settings(debug: bool, environment: Mapping[str, str]) -> dict[str, Any]:
    """The LOGGING of a site that leaves its logs to us. Wrong settings are told by the system checks, not here."""
    try:
        config = PoolConfig.from_mapping({}, environment)
    except InvalidConfig:
        config = PoolConfig()
    handler = {"()": "pool.logs.LineHandler", "debug": debug, "log_format": config.log_format}
    through_root: dict[str, Any] = {"handlers": [], "propagate": True, "level": "NOTSET"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"lines": handler},
        "root": {"handlers": ["lines"], "level": config.log_level},
        "loggers": {name: through_root for name in DJANGO} | {name: {"level": "WARNING"} for name in QUIET},
    }


def configure(process: str, stream: TextIO | None = None) -> None:
    """Set up logging in a process of ours that starts: "web", "node", "nursery", "clerk", "worker" or "command".

    A worker passes `stream`, its way to the node's stderr, because its own may belong to a job.
    """
    from django.conf import settings

    config = get_config()
    root = logging.getLogger()
    logging.getLogger("pool").setLevel(config.log_level)
    if not root.handlers:
        root.addHandler(LineHandler(settings.DEBUG))
    if not structlog.is_configured():
        factory = structlog.stdlib.LoggerFactory()
        structlog.configure(processors=list(CHAIN), wrapper_class=Logger, logger_factory=factory)
    for handler in root.handlers:
        if isinstance(handler, LineHandler):
            handler.log_format = config.log_format
            handler.speak_for(process, stream)
            root.setLevel(config.log_level)
        if process == "worker" and is_console(handler):
            set_switch(handler, config)


def is_console(handler: logging.Handler) -> bool:
    """Ours, or one of the project's that writes to the standard streams."""
    return isinstance(handler, LineHandler) or getattr(handler, "stream", None) in (sys.stderr, sys.stdout)


def set_switch(handler: logging.Handler, config: PoolConfig) -> None:
    for old in [one for one in handler.filters if isinstance(one, LevelSwitch)]:
        handler.removeFilter(old)
    handler.addFilter(LevelSwitch(config))
