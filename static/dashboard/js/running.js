// The jobs that run, the longest first. A line stays where it is until its job has ended; new ones come at the end.

import { token } from "./forms.js";
import { write } from "./marks.js";
import { shortId, shortTask } from "./words.js";

const { jobsUrl } = document.body.dataset;
const list = document.querySelector("[data-running]");
const empty = document.querySelector("[data-running-empty]");

export function showRunning(running) {
  if (!list) return;
  const there = new Set(running.map((job) => job.id));
  // A question that is open stays open, even if its job has ended: the answer will say so.
  for (const line of [...list.children]) if (!there.has(line.dataset.job) && !line.querySelector("details[open]")) line.remove();
  for (const job of running) show(job, list.querySelector(`[data-job="${job.id}"]`) ?? added(job));
  empty.hidden = list.children.length > 0;
}

function show(job, line) {
  const bar = line.querySelector("progress");
  bar.hidden = job.progress === null;
  if (job.progress !== null) bar.value = (Math.min(Math.max(job.progress, 0), 1) * 100).toFixed(1);
  write(line.querySelector('[data-cell="message"]'), job.cancelling ? "is being cancelled" : job.progress_message);
  const question = line.querySelector("details");
  if (question) question.hidden = job.cancelling;
}

function element(name, fields = {}) {
  return Object.assign(document.createElement(name), fields);
}

function added(job) {
  const line = element("li");
  line.dataset.job = job.id;
  const link = element("a", { href: `${jobsUrl}${job.id}/` });
  link.append(element("span", { textContent: shortTask(job.task) }), " ", element("code", { textContent: shortId(job.id) }));
  const since = element("time", { className: "n" });
  since.dataset.since = job.started_at ?? "";
  const bar = element("progress", { max: 100 });
  bar.setAttribute("aria-label", "Progress");
  const message = element("small");
  message.dataset.cell = "message";
  line.append(link, since, bar, message);
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
