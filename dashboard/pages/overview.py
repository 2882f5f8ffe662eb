"""The overview: is it alive, what runs, what is stuck, why, and how to stop or repeat it."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from dashboard import charts, history
from dashboard.history import History, LanePast
from dashboard.pages.data import data_for_pages
from dashboard.pages.frame import page_with_charts, show
from pool.domain.wording import age, milliseconds, number, percent, rate
from pool.store.dead_letters import dead_groups
from pool.store.event_list import list_events
from pool.store.live import live_status

GROUPS_SHOWN = 6
DEAD_LOOKED_AT = 1000
"""Enough to see what fails most of late; the page of dead letters looks further back."""
MARKS_LOOKED_FOR = 200
TABLE_ROWS = 12


@page_with_charts
def overview(request: HttpRequest) -> HttpResponse:
    """Show the pool at this moment and in the time before."""
    now = timezone.now()
    past = history.read(request.GET.get("range", history.USUAL), now)
    status = live_status(now)
    context = {
        "status": status,
        "running": status["live"]["running"],
        "lanes": lanes(status["live"]["lanes"], history.lanes(now)),
        "figures": figures(status, past),
        "range": past.range,
        "ranges": history.RANGES.values(),
        "queue_names": charts.queue_names(past),
        "kept_alerts": [alert for alert in status["health"]["alerts"] if alert["id"] is not None],
        "table": table(past),
        "groups": dead_groups(GROUPS_SHOWN, DEAD_LOOKED_AT).groups,
        "is_new": not status["tasks"]["submitted"],
        "boot": boot(past, status),
    }
    return show(request, "overview", context)


@data_for_pages
def chart_data(request: HttpRequest) -> HttpResponse:
    """Give the figures of a range, and the colours of each theme, as JSON for the page's scripts."""
    from plotly.utils import PlotlyJSONEncoder

    past = history.read(request.GET.get("range", history.USUAL), timezone.now(), heat=True)
    drawn = charts.figures(past, marks(past))
    answer = {
        "range": past.range.name,
        "step_s": past.range.step_s,
        "is_live": past.range.is_live,
        "figures": {name: figure.to_plotly_json() for name, figure in drawn.items()},
        "queues": charts.queue_names(past),
        "templates": _templates(),
        "time_ticks": list(charts.TIME_TICKS_MS.items()),
        "most_queues": charts.MOST_QUEUES,
    }
    return JsonResponse(answer, encoder=PlotlyJSONEncoder)


@data_for_pages
def live(request: HttpRequest) -> HttpResponse:
    """Give what the socket would tell, for a page whose socket does not open."""
    return JsonResponse(live_status())


@cache
def _templates() -> dict[str, Any]:
    return charts.templates()


def figures(status: dict[str, Any], past: History) -> list[dict[str, Any]]:
    """The key figures: what they say now, and their line over the range."""
    tasks, performance = status["tasks"], status["performance"]
    waits = [step.wait.get("p95") for step in past.steps]
    runs = [step.run.get("p95") for step in past.steps]
    return [
        _figure("throughput", "Throughput", rate(tasks["throughput"]), past.completions(), arriving(tasks)),
        _figure("wait", "Wait p95", milliseconds(performance["wait"]["p95"]), waits, half("wait", performance)),
        _figure("run", "Run p95", milliseconds(performance["run"]["p95"]), runs, half("run", performance)),
        _figure("waiting", "Waiting", number(tasks["pending"]), [step.depth for step in past.steps], outlook(past)),
        _figure("failing", f"Failing, {past.range.words}", percent(past.failing_now()), past.failing()),
    ]


def _figure(key: str, title: str, value: str, line: Sequence[float | None], note: str = "") -> dict[str, Any]:
    return {"key": key, "title": title, "value": value, "line": list(line), "note": note}


def arriving(tasks: dict[str, Any]) -> str:
    return f"{rate(tasks['arrival_rate'])} arriving"


def half(measure: str, performance: dict[str, Any]) -> str:
    return f"p50 {milliseconds(performance[measure]['p50'])}"


def outlook(past: History) -> str:
    """Say where the backlog leads."""
    coming = charts.forecast(past)
    return "" if coming is None else f"→ 0 in {age(max(coming.empty_in_s, 1))}"


def lanes(living: Sequence[dict[str, Any]], past: Sequence[LanePast]) -> list[dict[str, Any]]:
    """Each living worker with what it did in the last minute."""
    states = {lane.id: lane.states for lane in past}
    return [{**lane, "past": states.get(lane["id"], [None] * history.LANES_S)} for lane in living]


def table(past: History) -> list[dict[str, Any]]:
    """What the charts show, in a few rows, newest first: for readers who see no charts."""
    size = max(len(past.steps) // TABLE_ROWS, 1)
    arrivals, completions = past.arrivals(), past.completions()
    places = range(len(past.steps) - 1, -1, -size)
    return [
        {"step": past.steps[place], "arrivals": arrivals[place], "completions": completions[place]} for place in places
    ]


def marks(past: History) -> list[charts.Mark]:
    """The events in the time of the range that explain a bend in a line."""
    since = past.steps[0].at
    found = [event for event in list_events(limit=MARKS_LOOKED_FOR).events if event["at"] >= since]
    return [charts.Mark(event["at"], event["text"]) for event in found if event["name"] in charts.MARKS]


def boot(past: History, status: dict[str, Any]) -> dict[str, Any]:
    """What the scripts go on from."""
    finished, bad = sum(step.finished for step in past.steps), sum(step.bad for step in past.steps)
    return {
        "range": past.range.name,
        "step_s": past.range.step_s,
        "is_live": past.range.is_live,
        "finished": finished,
        "bad": bad,
        "snapshot": status,
    }
