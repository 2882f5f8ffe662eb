// One job in motion: its progress and log as they come; what the server draws is taken anew when the job changes.

import { localise } from "./clock.js";
import { refreshRegions } from "./forms.js";
import { write } from "./marks.js";
import { Live, setCurrent } from "./socket.js";
import { percent } from "./words.js";

const OVER = new Set(["COMPLETED", "FAILED", "TIMEOUT", "CANCELLED"]);
const EVERY_MS = 5000;
const MOST_PIECES = 2000;

const id = document.body.dataset.job;
const log = document.querySelector("[data-log]");
let told = "";
let refreshedAt = performance.now();
let refreshing = false;

async function refresh() {
  if (refreshing) return;
  refreshing = true;
  refreshedAt = performance.now();
  try { await refreshRegions(); } catch { /* the next message tries again */ }
  refreshing = false;
}

function showProgress(job) {
  const bar = document.querySelector("[data-progress]");
  if (!bar) return;
  if (job.progress === null) bar.removeAttribute("value");
  else bar.value = Math.min(Math.max(job.progress, 0), 1) * 100;
  write(document.querySelector("[data-progress-text]"), percent(job.progress));
  if (job.progress_message) write(document.querySelector("[data-progress-message]"), job.progress_message);
}

function addLog(pieces) {
  const cursor = Number(log.dataset.cursor);
  const news = pieces.filter((piece) => piece.id > cursor);
  if (!news.length) return;
  log.dataset.cursor = news.at(-1).id;
  // Where the job is has a place of its own, drawn by the server.
  const fresh = news.filter((piece) => piece.stream !== "stack");
  if (fresh.length < news.length) refresh();
  if (!fresh.length) return;
  // Who reads further up is not pulled down.
  const follows = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
  log.append(...fresh.map((piece) => {
    const line = Object.assign(document.createElement("li"), { className: `of-${piece.stream}` });
    const time = Object.assign(document.createElement("time"), { dateTime: piece.at });
    time.dataset.time = "clock";
    line.append(time, Object.assign(document.createElement("span"), { className: "stream", textContent: piece.stream }), Object.assign(document.createElement("span"), { className: "said", textContent: piece.text }));
    return line;
  }));
  while (log.children.length > MOST_PIECES) log.firstElementChild.remove();
  document.querySelector("[data-log-empty]").hidden = true;
  localise(log);
  if (follows) log.scrollTop = log.scrollHeight;
}

function hear({ job, attempts, log: pieces }) {
  addLog(pieces ?? []);
  showProgress(job);
  const telling = JSON.stringify([job.status, job.attempts, job.started_at, attempts?.length, job.position, job.explanation]);
  const changed = told && told !== telling;
  const differs = job.status !== document.body.dataset.status;
  told = telling;
  if (changed || differs || (!OVER.has(job.status) && performance.now() - refreshedAt > EVERY_MS)) refresh();
}

function countStages() {
  const section = document.querySelector("[data-asked]");
  if (!section) return;
  const waited = (Date.now() - new Date(section.dataset.asked)) / 1000;
  for (const stage of section.querySelectorAll("[data-after]")) {
    const left = Number(stage.dataset.after) - waited;
    stage.classList.toggle("reached", left <= 0);
    write(stage.querySelector("[data-left]"), left <= 0 ? "reached" : `in ${Math.ceil(left)} s`);
  }
}

document.addEventListener("pool:done", () => setTimeout(refresh, 150));
setInterval(countStages, 250);
if (log) log.scrollTop = log.scrollHeight;
if (!OVER.has(document.body.dataset.status)) {
  // Where no socket opens, the page is asked for now and then.
  setInterval(() => { if (!OVER.has(document.body.dataset.status) && !document.hidden && performance.now() - refreshedAt > EVERY_MS) refresh(); }, 1000);
}
setCurrent(new Live(`/ws/jobs/${id}/`, "job", hear, { cursor: () => `log=${log?.dataset.cursor ?? 0}` }));
