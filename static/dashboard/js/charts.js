// The charts: figures from the server, drawn by Plotly in the colours of the theme, and gone on with as figures come in.

import { localTime } from "./clock.js";
import { isDark } from "./look.js";
import { milliseconds } from "./words.js";

const CONFIG = { displayModeBar: false, responsive: true, showTips: false, doubleClick: "reset", scrollZoom: false };
const TRUE_UP_MS = 30000;
const LOWEST_MS = 0.05;
const NEW_QUEUE_MS = 5000;
const HEADROOM = 1.15;
const MOST_TICKS = 4;

export class Charts {
  constructor(url) {
    this.url = url;
    this.places = new Map([...document.querySelectorAll("[data-chart]")].map((place) => [place.dataset.chart, place]));
    this.data = null;
    this.drawnAt = 0;
    this.pending = [];
    this.lastAt = 0;
    this.ahead = {};
    this.onRedraw = () => {};
    document.addEventListener("pool:theme", () => this.data && this.draw());
    document.addEventListener("visibilitychange", () => document.hidden || this.trueUp());
    // A first visitor sees no charts, and none are drawn.
    if (!document.querySelector(".charts")?.hidden) this.load();
  }

  async load() {
    try {
      const answer = await fetch(this.url, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.statusText);
      this.data = await answer.json();
    } catch {
      if (!this.data) this.say("The charts could not be loaded. Reload the page to try again.");
      return;
    }
    if (!window.Plotly) return this.say("The charts could not be drawn.");
    this.loadedAt = performance.now();
    await this.draw();
  }

  say(text) {
    for (const place of this.places.values()) {
      place.replaceChildren(Object.assign(document.createElement("p"), { className: "chart-problem", textContent: text }));
    }
  }

  async draw() {
    const templates = this.data.templates[isDark() ? "dark" : "light"];
    for (const [name, place] of this.places) {
      const { data, layout } = this.data.figures[name];
      // Each drawing gets its own copy: Plotly keeps what it is given.
      const traces = data.map((trace) => ({ ...trace, x: trace.x.map(local) }));
      await window.Plotly.react(place, traces, { ...placed(layout), template: templates[name] }, CONFIG);
    }
    this.lastAt = this.data.figures.flow.data[0].x.at(-1) ?? 0;
    // A forecast needs room behind the newest figures.
    for (const [name, { layout }] of Object.entries(this.data.figures)) this.ahead[name] = layout.xaxis.range[1] - this.lastAt;
    this.onRedraw(this.lines());
  }

  lines() {
    const { flow, latency, backlog } = this.data.figures;
    const sum = (traces) => traces[0]?.y.map((_, at) => (traces.every((trace) => trace.y[at] === null) ? null : traces.reduce((total, trace) => total + (trace.y[at] ?? 0), 0))) ?? [];
    // No failures are no line, but a figure.
    const bad = flow.data[1].y.map((ended, at) => (ended === null ? null : ended ? (flow.data[2].y[at] ?? 0) / ended : 0));
    const line = (measure) => latency.data.find(({ meta }) => meta.of === measure && meta.point === "p95").y;
    return {
      throughput: flow.data[1].y, wait: line("wait"), run: line("run"), failing: bad,
      waiting: sum(backlog.data.filter((trace) => trace.stackgroup)),
    };
  }

  // Takes a snapshot in. A short range goes on with it, at most once a second; a long one is loaded anew now and then.
  add(snapshot) {
    if (!this.data || document.hidden || !window.Plotly) return;
    const at = Date.parse(snapshot.timestamp);
    const age = performance.now() - this.loadedAt;
    const due = this.meets(snapshot.queue.by_queue) ? NEW_QUEUE_MS : Math.max(TRUE_UP_MS, this.data.step_s * 1000);
    if (age > due) { this.trueUp(); return; }
    if (!this.data.is_live || at - this.lastAt < this.data.step_s * 1000) return;
    this.lastAt = at;
    this.extend(at, snapshot);
  }

  extend(at, { tasks, performance, queue }) {
    const { flow, latency, backlog } = this.data.figures;
    this.push("flow", at, [tasks.arrival_rate, tasks.throughput, flow.data[2].y.at(-1)]);
    const times = latency.data.map(({ meta, y }) => performance[meta.of][meta.point ?? meta.band] ?? (meta.band ? y.at(-1) : null));
    this.push("latency", at, times.map((value) => (value === null ? null : Math.max(value, LOWEST_MS))), times.map(milliseconds));
    this.push("backlog", at, backlog.data.filter((trace) => trace.stackgroup).map((_, index) => queue.by_queue[this.data.queues[index]]?.pending ?? 0));
    this.slide(at, ["flow", "latency", "backlog"]);
  }

  // Whether jobs wait in a queue that the backlog has no colour for, and could have.
  meets(queues) {
    return this.data.queues.length < this.data.most_queues && Object.entries(queues).some(([name, { pending }]) => pending && !this.data.queues.includes(name));
  }

  push(name, at, values, words) {
    if (!values.length) return; // No queue has had a job yet.
    this.grow(name, values);
    const traces = values.map((_, index) => index);
    const update = { x: values.map(() => [local(at)]), y: values.map((value) => [value]) };
    if (words) update.customdata = words.map((word) => [word]);
    window.Plotly.extendTraces(this.places.get(name), update, traces, this.data.figures[name].data[0].x.length + 60);
    values.forEach((value, index) => {
      const trace = this.data.figures[name].data[index];
      trace.x.push(at);
      trace.y.push(value);
      if (words && trace.customdata) trace.customdata.push(words[index]);
    });
  }

  // Makes room for figures that are higher than all before, or lower on an axis that cannot show zero.
  grow(name, values) {
    const { data, layout } = this.data.figures[name];
    const stacked = data[0].stackgroup ? [values.reduce((total, value) => total + value, 0)] : null;
    const changes = {};
    for (const axis of ["yaxis", "yaxis2"].filter((axis) => layout[axis])) {
      const own = stacked ?? values.filter((value, index) => value !== null && `y${axis.slice(5)}` === (data[index].yaxis ?? "y"));
      const [low, high] = layout[axis].range;
      if (!own.length) continue;
      if (layout[axis].type === "log") {
        const range = [Math.min(low, Math.floor(Math.log10(Math.min(...own)))), Math.max(high, Math.ceil(Math.log10(Math.max(...own))))];
        if (range[0] < low || range[1] > high) Object.assign(layout[axis], { range }, this.ticks(range));
        else continue;
      } else if (Math.max(...own) > high) layout[axis].range = [low, Math.max(...own) * HEADROOM];
      else continue;
      for (const part of ["range", "tickvals", "ticktext"]) if (layout[axis][part]) changes[`${axis}.${part}`] = [...layout[axis][part]];
    }
    if (Object.keys(changes).length) window.Plotly.relayout(this.places.get(name), changes);
  }

  ticks([low, high]) {
    const shown = this.data.time_ticks.filter(([value]) => low <= Math.log10(value) && Math.log10(value) <= high);
    const few = shown.filter((_, index) => index % Math.ceil(shown.length / MOST_TICKS) === 0);
    return { tickvals: few.map(([value]) => value), ticktext: few.map(([, text]) => text) };
  }

  // Moves the window on, unless the reader has zoomed in.
  slide(at, names) {
    for (const name of names) {
      const place = this.places.get(name);
      const range = this.data.figures[name].layout.xaxis.range;
      const [shown, length] = [place._fullLayout?.xaxis?.range, range[1] - range[0]];
      const end = at + this.ahead[name];
      const untouched = shown && Math.abs(new Date(shown[1].replace(" ", "T")) - range[1]) < 1500;
      this.data.figures[name].layout.xaxis.range = [end - length, end];
      if (untouched) window.Plotly.relayout(place, { "xaxis.range": [local(end - length), local(end)] });
    }
  }

  trueUp() {
    this.loadedAt = performance.now();
    this.load();
  }
}

// Plotly writes times as they are given: so they are given in the reader's own zone.
function local(value) {
  return typeof value === "number" ? localTime(value) : value;
}

function placed(layout) {
  const made = structuredClone(layout);
  for (const name of ["xaxis", "xaxis2"]) if (made[name]?.range) made[name].range = made[name].range.map(local);
  for (const shape of made.shapes ?? []) [shape.x0, shape.x1] = [local(shape.x0), local(shape.x1)];
  for (const sign of made.annotations ?? []) if (sign.xref !== "paper") sign.x = local(sign.x);
  return made;
}
