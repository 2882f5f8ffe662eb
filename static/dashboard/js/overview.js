// The overview in motion: figures and tables in place, lanes second by second, charts that go on.

import { Charts } from "./charts.js";
import { refreshRegions } from "./forms.js";
import { drawSpark, putChip, write } from "./marks.js";
import { showLanes } from "./lanes.js";
import { showQueues } from "./queues.js";
import { showRunning } from "./running.js";
import { showScale } from "./scale.js";
import { listen } from "./socket.js";
import { age, milliseconds, number, percent, plural, rate } from "./words.js";

const boot = JSON.parse(document.getElementById("boot").textContent);
const first = boot.snapshot.tasks;
const charts = new Charts(document.body.dataset.chartsUrl);

function put(key, value, note) {
  const figure = document.querySelector(`[data-figure="${key}"]`);
  write(figure.querySelector("[data-value]"), value);
  if (note !== undefined) write(figure.querySelector("[data-note]"), note);
}

const bad = (tasks) => tasks.failed + tasks.timeout;
const ended = (tasks) => tasks.completed + bad(tasks);

function failing(tasks) {
  const finished = boot.finished + ended(tasks) - ended(first);
  return finished > 0 ? (boot.bad + bad(tasks) - bad(first)) / finished : null;
}

// Where the backlog leads, at the rates of now.
function outlook(tasks) {
  const gone = (tasks.throughput ?? 0) - (tasks.arrival_rate ?? 0);
  if (tasks.pending < 10 || Math.abs(gone) < 0.05) return "";
  return gone > 0 ? `→ 0 in ${age(Math.max(tasks.pending / gone, 1))}` : `grows by ${rate(-gone)}`;
}

function showFigures({ tasks, performance, pool, health }) {
  put("throughput", rate(tasks.throughput), `${rate(tasks.arrival_rate)} arriving`);
  put("wait", milliseconds(performance.wait.p95), `p50 ${milliseconds(performance.wait.p50)}`);
  put("run", milliseconds(performance.run.p95), `p50 ${milliseconds(performance.run.p50)}`);
  put("waiting", number(tasks.pending), outlook(tasks));
  put("failing", percent(failing(tasks)));
  write(document.querySelector("[data-dead-words]"), plural(tasks.dlq, "dead letter", "dead letters"));
  write(document.querySelector("[data-figure=workers] [data-note]"), `${percent(performance.utilization)} of their time used`);
  putChip(document.querySelector("[data-health]"), health.status.toUpperCase());
  const notices = health.alerts.filter((alert) => alert.level === "notice").map((alert) => alert.message);
  const list = document.querySelector("[data-notices]");
  if (list.dataset.key !== notices.join("\n")) {
    list.dataset.key = notices.join("\n");
    list.replaceChildren(...notices.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  }
  showScale(pool);
}

// The table of alerts is the server's, with its forms: it is taken anew when another alert is open, or muted.
let alertsKey = alertKey(boot.snapshot.health.alerts);

function alertKey(alerts) {
  return JSON.stringify(alerts.map((alert) => [alert.id, alert.level, alert.message, alert.muted]));
}

function showAlertTable(alerts) {
  const key = alertKey(alerts);
  if (key === alertsKey) return;
  alertsKey = key;
  refreshRegions().catch(() => { alertsKey = ""; });
}

function show(data) {
  showFigures(data);
  showAlertTable(data.health.alerts);
  showQueues(data.queue.by_queue);
  if (data.live) {
    showLanes(data.live.lanes, data.timestamp);
    showRunning(data.live.running);
  }
  charts.add(data);
  if (document.querySelector(".welcome") && data.tasks.submitted) location.reload();
}

charts.onRedraw = (lines) => {
  for (const [key, values] of Object.entries(lines)) {
    const svg = document.querySelector(`[data-figure="${key}"] .spark`);
    if (svg) drawSpark(svg, values);
  }
};
listen(show);
