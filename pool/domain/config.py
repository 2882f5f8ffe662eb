"""All settings of the pool: one frozen object, checked once, with unit, default and meaning of each key beside it.

`pool.conf` builds it from Django's settings and the environment, in every process; `docs/settings.md` and the
dashboard's settings page say what the metadata here says. A value that is not allowed never gets in: building raises
InvalidConfig with one sentence for each wrong key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from pool.domain.config_rules import Problems, contradictions, read_environment, read_mapping
from pool.domain.errors import InvalidConfig
from pool.domain.kinds import KINDS
from pool.domain.presets import PRESETS, completed
from pool.domain.setting import (
    BODY_BYTES,
    BUFFER_BYTES,
    DAY_S,
    JOB_LOG_BYTES,
    JOB_VALUE_BYTES,
    MIB,
    WORKER_CEILING,
    Setting,
    seconds,
    setting,
    with_variables,
)

__all__ = ["LEVELS", "PRESETS", "SETTINGS", "WORKER_CEILING", "PoolConfig", "find_problems"]

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, slots=True)
@with_variables
class PoolConfig:
    """What the pool goes by. Defaults, then the preset's values, then POOL, then the environment."""

    preset: str = setting("default", "name", "Set of defaults to start from.", choices=tuple(PRESETS))

    # Where
    database: str = setting("default", "alias", "The entry of DATABASES that holds the jobs.")
    task_modules: tuple[str, ...] = setting(
        (), "modules", "Modules with tasks, besides tasks.py of the installed apps."
    )
    schedule_functions: tuple[str, ...] = setting(
        (),
        "names",
        "Functions that schedules may name, as tasks: shop.reports.nightly, or shop.reports.* for all of a module.",
    )
    library_roots: tuple[str, ...] = setting(
        (), "paths", "Folders that built-in tasks may read; / opens all. `pool demo` grants its own folder."
    )
    library_hosts: tuple[str, ...] = setting(
        (), "hosts", "Hosts that built-in tasks may send requests to, as in api.example.com or localhost:8000."
    )
    run_dir: str = setting("", "path", "Folder of sockets, pid and slot files; empty: var/run of the project.")

    # Workers
    workers: int = setting(0, "processes", "Workers at the start; 0: as many as CPUs, at least 2.", 0, WORKER_CEILING)
    min_workers: int = setting(2, "processes", "Never fewer workers than this.", 1, WORKER_CEILING)
    max_workers: int = setting(
        8, "processes", "Never more workers than this; raised to `workers` when that is larger.", 1, WORKER_CEILING
    )
    queues: tuple[str, ...] = setting((), "names", "Queues the nodes of this project serve; empty: all.")

    # Kinds of workers
    worker_kinds: tuple[str, ...] = setting(
        (),
        "kinds",
        "general, compute, io or memory for each worker, from the first on; all others are general.",
        choices=KINDS,
    )
    capabilities: tuple[str, ...] = setting(
        (),
        "names",
        "What the workers of this node offer beside their kind, to jobs that require it; kind:name for one kind.",
    )
    isolation: str = setting(
        "worker",
        "level",
        "worker: jobs share a process, one after the other; process: each has its own.",
        choices=("worker", "process"),
    )
    worker_class: str = setting("", "path", "A class of yours, derived from pool.engine.worker.Worker.")
    middleware: tuple[str, ...] = setting(
        (), "paths", "Functions of yours that give each attempt a context manager to run in, the outermost first."
    )
    max_streams: int = setting(100, "jobs", "Most async jobs an io worker runs at a time.", 1, 1000)
    io_threads: int = setting(128, "threads", "Most threads for blocking calls in an io worker.", 1, 1000)
    compute_nice: int = setting(19, "levels", "How far compute workers step back for other processes.", 0, 19)
    cpu_affinity: bool = setting(False, "switch", "Compute workers keep to one CPU each.")
    gc_pressure: float = setting(0.8, "fraction", "Memory workers free what they can above this use of memory.", 0, 1)
    worker_address_space_mb: int = setting(0, "MB", "Address space a worker may map; 0: no limit.")

    # Which worker, and when
    routing: str = setting(
        "least-loaded",
        "strategy",
        "How the worker of a job is chosen.",
        choices=("round-robin", "least-loaded", "capability-based", "predictive"),
    )
    affinity_patterns: tuple[str, ...] = setting(
        (),
        "patterns",
        "Kinds of workers, or workers, by task name: shop.tasks.*=compute or shop.*=w3; the first that fits counts.",
    )
    exploration: float = setting(
        0.05, "fraction", "Share of the jobs with which `predictive` tries workers it knows little of.", 0, 1
    )
    starvation_after_s: float = seconds(60.0, "Jobs that waited so long get a share of the starts at any priority.")
    starvation_share: float = setting(0.05, "fraction", "That share; 0: none.", 0, 1)
    max_waiting: int = setting(0, "jobs", "Most jobs a queue takes when its row says nothing; 0: any.", 0, 10**9)
    backpressure_at: float = setting(0.9, "fraction", "How full a queue is when its producers are slowed down.", 0, 1)
    backpressure_pause_ms: float = setting(
        100.0, "milliseconds", "Longest pause of a producer, when its queue is all but full.", 0, 10_000
    )

    # The number of workers
    autoscaling: bool = setting(True, "switch", "The number of workers follows the load.")
    scale_up_at: float = setting(0.7, "fraction", "Use of the workers above which there are more.", 0, 1)
    scale_down_at: float = setting(0.3, "fraction", "Use of the workers below which there are fewer.", 0, 1)
    scale_every_s: float = seconds(5.0, "How often that is judged.", 0.1, 3600)
    scale_up_cooldown_s: float = seconds(30.0, "Between two steps up.", most=DAY_S)
    scale_down_cooldown_s: float = seconds(60.0, "Between any step and one down.", most=DAY_S)
    idle_timeout_s: float = seconds(300.0, "A worker above the minimum that was idle for so long retires.", most=DAY_S)
    wait_target_ms: float = setting(
        0.0, "milliseconds", "There are more workers while p95 of the wait is above this; 0: no target."
    )
    scale_hold_s: float = seconds(600.0, "A size set by hand stays for so long.", most=30 * DAY_S)

    # Attempts
    timeout_s: float = seconds(
        30.0, "How long an attempt may run when neither its task nor its job says so.", 0.01, 366 * DAY_S
    )
    max_attempts: int = setting(4, "attempts", "How often a job is tried in all.", 1, 1000)
    backoff_base_s: float = seconds(1.0, "Wait before the second attempt.", most=30 * DAY_S)
    backoff_factor: float = setting(2.0, "factor", "Each further wait is so many times the one before.", 1, 100)
    backoff_cap_s: float = seconds(30.0, "Longest wait between two attempts.", most=30 * DAY_S)
    backoff_jitter: float = setting(
        0.1, "fraction", "A wait is lengthened or shortened at random by up to this part of it.", 0, 1
    )

    # Sizes
    max_payload_bytes: int = setting(262_144, "bytes", "Largest arguments of a job, as JSON.", 1024, JOB_VALUE_BYTES)
    max_result_bytes: int = setting(
        1_048_576, "bytes", "Largest result of a job, as JSON; a larger one fails the attempt.", 1024, JOB_VALUE_BYTES
    )
    max_error_bytes: int = setting(
        16_384, "bytes", "Longest error message and traceback kept; longer ones are cut.", 256, MIB
    )
    max_log_bytes: int = setting(
        65_536, "bytes", "Output and log lines kept of one attempt; more is cut.", 0, JOB_LOG_BYTES
    )
    buffer_bytes: int = setting(
        BUFFER_BYTES,
        "bytes",
        "Outcomes that may wait in a node for a database that fails; beyond it no job begins.",
        65_536,
        1 << 32,
    )
    max_body_bytes: int = setting(
        16 * MIB,
        "bytes",
        "Longest body of a request under `serve`, if the largest arguments need no more.",
        MIB,
        BODY_BYTES,
    )
    max_json_depth: int = setting(100, "levels", "Deepest nesting of arguments and results.", 1, 500)

    # The loop
    poll_s: float = seconds(1.0, "Longest time until a node looks for jobs when no doorbell rang.", 0.05, 1)
    prefetch_ms: float = setting(5.0, "milliseconds", "How much work a worker may hold ahead.", 0, 10_000)
    prefetch_max: int = setting(256, "jobs", "Most jobs a worker holds ahead.", 1, 10_000)
    claim_batch: int = setting(1000, "jobs", "Most jobs claimed in one transaction.", 1, 10_000)

    # Health
    beat_s: float = seconds(
        1.0,
        "How often a busy worker and a node show that they live; an idle worker does 2.5 times less often.",
        0.05,
        60,
    )
    unhealthy_after_s: float = seconds(5.0, "A worker silent for so long is UNHEALTHY and gets no job.", 0.1, 3600)
    replace_after_s: float = seconds(10.0, "A worker silent for so long is replaced.", 0.1, 3600)
    lease_s: float = seconds(30.0, "A node silent for so long loses its jobs to the others.", 0.2, 3600)
    start_timeout_s: float = seconds(30.0, "A worker must be ready within this time.", 0.1, 3600)

    health_checks: bool = setting(True, "switch", "Workers are asked for signs of life and replaced without.")
    error_rate_alert: float = setting(
        0.1, "fraction", "Share of failed attempts of a worker that raises an alert.", 0, 1
    )
    late_after_s: float = seconds(600.0, "A job that waits so long raises an alert.", 1)
    dead_letters_alert: int = setting(10, "jobs", "New dead letters within an hour that raise an alert.", 1)
    alert_webhook: str = setting(
        "", "URL", "Alerts are posted there as JSON, when they open and when they resolve; shown nowhere.", secret=True
    )
    alert_webhook_header: str = setting(
        "", "header", "Sent with it, as in Authorization: Bearer …; shown nowhere.", secret=True
    )
    alert_mail: tuple[str, ...] = setting((), "addresses", "And mailed there, by Django's own mail settings.")
    alert_clear_s: float = seconds(
        120.0, "An alert is over when it was clear for so long; what comes back before is the same alert."
    )
    alert_repeat_s: float = seconds(3600.0, "An alert that stays is told again after so long; 0: never.")

    # Ends of a job and of the pool
    flag_grace_s: float = seconds(1.0, "Timeout and cancel: time between the flag and the exception.", most=3600)
    exception_grace_s: float = seconds(4.0, "Timeout and cancel: time between the exception and SIGTERM.", most=3600)
    term_grace_s: float = seconds(5.0, "Timeout and cancel: time between SIGTERM and SIGKILL.", most=3600)
    drain_s: float = seconds(60.0, "How long a graceful stop waits for running jobs.", most=DAY_S)

    # Replacement of workers
    max_jobs_per_worker: int = setting(
        100, "jobs", "A worker is recycled after so many jobs once it is idle; 0: never."
    )
    recycle_threshold: int = setting(
        500, "jobs", "A worker is recycled after so many jobs at the end of the one in hand; 0: never."
    )
    worker_min_age_s: float = seconds(
        30.0, "A worker younger than this is not recycled for its number of jobs.", most=DAY_S
    )
    worker_max_rss_mb: int = setting(512, "MB", "A worker with more memory of its own is recycled; 0: no limit.")
    worker_max_age_s: float = seconds(0.0, "A worker older than this is recycled once it is idle; 0: never.")
    worker_growth_mb: int = setting(
        0, "MB", "A worker is recycled when its memory rose by so much, higher after each of 5 looks; 0: never."
    )
    restart_budget: int = setting(
        3, "deaths", "Workers that may die before their first completed job until the next start waits.", 0, 1000
    )
    restart_cooldown_s: float = seconds(
        5.0, "After so long without such a death the earlier ones are forgotten.", most=3600
    )

    # What is kept
    keep_completed_s: float = seconds(7 * DAY_S, "How long completed and cancelled jobs are kept.")
    keep_dead_s: float = seconds(30 * DAY_S, "How long dead letters are kept.")
    keep_snapshots_s: float = seconds(3600.0, "How long the figures of each second are kept.", 120)
    keep_minutes_s: float = seconds(2 * DAY_S, "How long the figures of each minute are kept.", 120)
    keep_hours_s: float = seconds(60 * DAY_S, "How long the figures of each hour are kept; those of days stay.", 120)
    keep_events_s: float = seconds(30 * DAY_S, "How long events are kept.")
    pruning: bool = setting(True, "switch", "Clerks remove what is older than that; off: only `pool prune` does.")
    prune_batch: int = setting(1000, "rows", "Most rows removed in one transaction.", 1, 100_000)

    # Logs
    log_level: str = setting(
        "INFO", "level", "Lowest level that is logged, in every process.", choices=LEVELS, env="LOG_LEVEL"
    )
    log_format: str = setting(
        "auto",
        "format",
        "auto: JSON, or readable lines with DEBUG and on a terminal.",
        choices=("auto", "json", "console"),
    )
    log_worker_errors: bool = setting(True, "switch", "Workers pass errors on to the node's log.")
    log_worker_warnings: bool = setting(True, "switch", "Workers pass warnings on.")
    log_worker_info: bool = setting(False, "switch", "Workers pass on what is at level INFO.")
    log_worker_debug: bool = setting(False, "switch", "Workers pass on what is at level DEBUG.")

    # Cost
    cost_per_million_input: float = setting(3.0, "USD", "Price of a million input tokens.")
    cost_per_million_output: float = setting(15.0, "USD", "Price of a million output tokens.")

    worker_ceiling: ClassVar[int] = WORKER_CEILING

    @classmethod
    def from_mapping(
        cls, values: Mapping[str, Any], environment: Mapping[str, str] | None = None, cpus: int = 2
    ) -> "PoolConfig":
        """Build it from the POOL setting and the environment, for a machine with so many CPUs."""
        given, problems = _read(values, environment or {})
        if problems:
            raise InvalidConfig(" ".join(problems))
        return cls(**completed(given, DEFAULTS, cpus))


SETTINGS: dict[str, Setting] = {item.name: item for item in fields(PoolConfig)}
DEFAULTS = {name: item.default for name, item in SETTINGS.items()}


def find_problems(values: Any, environment: Mapping[str, str]) -> Problems:
    """One sentence for each thing that is wrong, none when all is well."""
    return _read(values, environment)[1]


def _read(values: Any, environment: Mapping[str, str]) -> tuple[dict[str, Any], Problems]:
    from_project, problems = read_mapping(values, SETTINGS)
    from_environment, more = read_environment(environment, SETTINGS)
    given = from_project | from_environment
    problems += more
    return given, problems or contradictions(completed(given, DEFAULTS, cpus=2))
