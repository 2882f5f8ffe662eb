// The jobs that run, the longest first. A line stays where it is until its job has ended, and while the pointer is on the
// list even longer: nothing moves under it. New ones come at the end.

import { token } from "./forms.js";
import { write } from "./marks.js";
import { shortId, shortTask, wholePercent } from "./words.js";

const SHOWN_FROM_S = 2;
const { jobsUrl } = document.body.dataset;
const list = document.querySelector("[data-running]");
const empty = document.querySelector("[data-running-empty]");
const points = matchMedia("(hover: hover)");

export function showRunning(running) {
  if (!list) return;
  const there = new Set(running.map((job) => job.id));
  const isPointedAt = points.matches && list.matches(":hover");
  for (const line of [...list.children]) if (!there.has(line.dataset.job)) leave(line, isPointedAt);
  for (const job of running) {
    const line = list.querySelector(`[data-job="${job.id}"]`);
    // What is gone in a moment would only make the list jump.
    if (line || job.since >= SHOWN_FROM_S) show(job, line ?? added(job));
  }
  empty.hidden = list.children.length > 0;
}

// A question that is open stays open, even if its job has ended: the answer will say so.
function leave(line, isPointedAt) {
  if (line.querySelector("details[open]")) return;
  if (!isPointedAt) { line.remove(); return; }
  if (line.dataset.ended !== undefined) return;
  line.dataset.ended = "";
  line.querySelector("time").removeAttribute("data-since");
  write(line.querySelector('[data-cell="message"]'), "has ended");
}

function show(job, line) {
  const bar = line.querySelector("progress");
  bar.hidden = job.progress === null;
  if (job.progress !== null) bar.value = (Math.min(Math.max(job.progress, 0), 1) * 100).toFixed(1);
  write(line.querySelector('[data-cell="far"]'), job.progress === null ? "" : wholePercent(job.progress));
  write(line.querySelector('[data-cell="message"]'), job.cancelling ? "is being cancelled" : job.progress_message || job.queue);
  const question = line.querySelector("details");
  if (question) question.hidden = job.cancelling;
}

function element(name, fields = {}) {
  return Object.assign(document.createElement(name), fields);
}

function cell(name, kind, fields = {}) {
  const made = element(kind, fields);
  made.dataset.cell = name;
  return made;
}

function added(job) {
  const line = element("li");
  line.dataset.job = job.id;
  const link = element("a", { href: `${jobsUrl}${job.id}/`, title: job.task });
  link.append(element("span", { textContent: shortTask(job.task) }), " ", element("code", { textContent: shortId(job.id) }));
  const since = element("time", { className: "n" });
  since.dataset.since = job.started_at ?? "";
  const bar = element("progress", { max: 100 });
  bar.setAttribute("aria-label", "Progress");
  line.append(link, since, bar, cell("far", "span", { className: "n far" }), cell("message", "small"));
  if (list.dataset.cancel) line.append(question(job.id));
  list.append(line);
  return line;
}

function question(id) {
  const details = element("details", { className: "confirm" });
  const form = element("form", { method: "post", action: `${jobsUrl}${id}/cancel` });
  form.dataset.quiet = "";
  form.append(
    element("input", { type: "hidden", name: "csrfmiddlewaretoken", value: token() }),
    element("p", { textContent: "The job is asked to end; after some seconds its worker is ended." }),
    element("button", { className: "button danger", textContent: "Cancel job" }),
  );
  details.append(element("summary", { className: "button small", textContent: "Cancel" }), form);
  return details;
}
