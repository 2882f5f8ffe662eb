"""Jobs of every kind and state on the site, whose texts try to be markup, to be script, and to burst the page.

Each text stands in every place where a job can say something: arguments, metadata, tags, tenant, queue, progress, log,
result, and the type and message of an error.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.browser import schedule_rows
from tests.browser.live import TASKS, Live
from tests.browser.visitor import CONTRABAND

MARKUP = {
    "image": f"<img id={CONTRABAND} src=x onerror=alert(1)>",
    "vector": f"<svg id={CONTRABAND} onload=alert(2)>",
    "attribute": f'"><script id={CONTRABAND}>alert(3)</script>',
    "end of data": f"</script><b id={CONTRABAND}>bold</b><!--",
    "handler": f"' autofocus onfocus=alert(4) id={CONTRABAND} x='",
    "link": f"<a id={CONTRABAND} href=javascript:alert(5)>go</a>",
    "entities": f"&lt;b id={CONTRABAND}&gt;&amp;amp;&#x3c;",
    "template": "{{ 7|add:7 }}{% now 'Y' %}${7*7}%{y}",
}
"""Each short enough for a tag."""

LONG = "unbroken" * 12
"""As long as a queue's name may be, and with no place to break it."""


@dataclass
class Crowd:
    """The ids of jobs."""

    failing: dict[str, str]
    """By the name of the text in them."""
    waiting: str
    tied: str
    """Waits for another."""
    running: str
    done: str
    cancelled: str
    scheduled: str
    timed_out: str

    @classmethod
    def of(cls, live: Live) -> "Crowd":
        site = live.site
        failing = {
            name: site.enqueue(f"{TASKS}fails_saying", text, options=everywhere(text)) for name, text in MARKUP.items()
        }
        site.enqueue(f"{TASKS}fails_deeply")
        site.enqueue("raises", LONG * 20, options=everywhere(LONG))
        held = {"queue_name": "held"}
        live.command("pause", "held")
        waiting = site.enqueue("adds", 1, options=held)
        made = cls(
            failing,
            waiting=waiting,
            tied=site.enqueue("adds", 3, options={"depends_on": [waiting]}),
            running=site.enqueue(f"{TASKS}says", LONG, str(live.file()), options={"tags": ["night", "shop"]}),
            done=site.enqueue("tells", f"three lines\nof a log\n{LONG}"),
            cancelled=site.enqueue("adds", 1, options=held),
            scheduled=site.enqueue("adds", 2, options={"run_after": datetime.now(UTC) + timedelta(days=1)}),
            timed_out=site.enqueue("sleeps", 60, options={"timeout": 0.1, "max_attempts": 1}),
        )
        live.command("cancel", made.cancelled)
        site.do(schedule_rows.make, [*MARKUP.values(), LONG * 2])
        for job in (*failing.values(), made.done, made.timed_out):
            site.wait_for_job(job)
        site.wait_for_job(made.running, "RUNNING")
        # The backlog of a queue with a bad name, so that the charts get it.
        live.command("pause", MARKUP["image"])
        site.enqueue_many("adds", [((1,), {})] * 50, {"queue_name": MARKUP["image"]})
        return made


def everywhere(text: str) -> dict[str, Any]:
    """The options of a job that says this in all of them."""
    return {
        "queue_name": text,
        "tenant": text,
        "tags": [text[:50]],
        "metadata": {text: [text]},
    }
