// The list of jobs: selecting, doing something with the selected ones, and telling of new ones instead of moving lines.

import { listen } from "./socket.js";
import { write } from "./marks.js";
import { number, plural } from "./words.js";

const WAITING = ["SCHEDULED", "BLOCKED", "PENDING", "ASSIGNED", "RUNNING"];
const DEAD = ["FAILED", "TIMEOUT"];
const FITS = { cancel: WAITING, retry: [...DEAD, "CANCELLED"], discard: DEAD };
const PAST = { cancel: "Running ones are asked to end, waiting ones never start.", retry: "They run again, with all their attempts.", discard: "They leave the dead letters and are removed with the finished jobs." };

const selection = document.querySelector("[data-selection]");

function chosen() {
  return [...selection.querySelectorAll("input[name=id]:checked")];
}

function fitting(verb) {
  return chosen().filter((box) => FITS[verb].includes(box.closest("tr").dataset.state));
}

function showChosen(bar) {
  const boxes = chosen();
  bar.hidden = boxes.length === 0;
  write(bar.querySelector("[data-chosen]"), `${boxes.length} selected`);
  for (const button of bar.querySelectorAll("[data-verb]")) {
    const count = fitting(button.dataset.verb).length;
    button.hidden = count === 0;
    const verb = button.dataset.verb[0].toUpperCase() + button.dataset.verb.slice(1);
    write(button, count === boxes.length ? verb : `${verb} ${count}`);
  }
  bar.querySelector(".confirm")?.remove();
}

// Asks in place, and says how many.
function ask(bar, button) {
  bar.querySelector("dialog")?.remove();
  const verb = button.dataset.verb;
  const count = fitting(verb).length;
  const dialog = document.createElement("dialog");
  dialog.className = "help";
  const title = Object.assign(document.createElement("h2"), { textContent: `${verb[0].toUpperCase()}${verb.slice(1)} ${plural(count, "job", "jobs")}?` });
  const words = Object.assign(document.createElement("p"), { className: "muted", textContent: PAST[verb] });
  const row = Object.assign(document.createElement("p"), { className: "row" });
  const yes = Object.assign(document.createElement("button"), { type: "button", className: `button ${verb === "retry" ? "primary" : "danger"}`, textContent: `${verb[0].toUpperCase()}${verb.slice(1)} ${plural(count, "job", "jobs")}` });
  const no = Object.assign(document.createElement("button"), { type: "button", className: "button quiet", textContent: "Leave them" });
  yes.onclick = () => {
    const fits = new Set(fitting(verb));
    chosen().forEach((box) => { box.checked = fits.has(box); });
    selection.append(Object.assign(document.createElement("input"), { type: "hidden", name: "confirmed", value: "1" }));
    dialog.close();
    selection.requestSubmit(button);
  };
  no.onclick = () => dialog.close();
  row.append(yes, no);
  dialog.append(title, words, row);
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
  yes.focus();
}

function offerSelection() {
  const bar = selection.querySelector("[data-act]");
  const all = selection.querySelector("[data-pick-all]");
  if (!bar) return;
  if (all) {
    all.hidden = false;
    all.onchange = () => { selection.querySelectorAll("input[name=id]").forEach((box) => { box.checked = all.checked; }); showChosen(bar); };
  }
  let last = null;
  selection.addEventListener("click", (event) => {
    if (!event.target.matches("input[name=id]")) return;
    const boxes = [...selection.querySelectorAll("input[name=id]")];
    // With Shift, everything between this one and the last one.
    if (event.shiftKey && last) {
      const [from, to] = [boxes.indexOf(last), boxes.indexOf(event.target)].sort((a, b) => a - b);
      boxes.slice(from, to + 1).forEach((box) => { box.checked = event.target.checked; });
    }
    last = event.target;
    showChosen(bar);
  });
  for (const button of bar.querySelectorAll("[data-verb]")) {
    button.onclick = (event) => { if (!selection.querySelector("input[name=confirmed]")) { event.preventDefault(); ask(bar, button); } };
  }
  showChosen(bar);
}

// New jobs do not push lines away: a hint counts them, and the reader decides.
function offerFresh() {
  const hint = document.querySelector("[data-fresh]");
  const queue = document.body.dataset.submitted;
  if (!hint || !document.body.dataset.newest) return;
  let first = null;
  listen((data) => {
    const submitted = queue ? data.queue.by_queue[queue]?.submitted ?? 0 : data.tasks.submitted;
    first ??= submitted;
    const fresh = submitted - first;
    hint.hidden = fresh <= 0;
    write(hint.querySelector("[data-fresh-text]"), plural(fresh, "new job", "new jobs"));
  });
}

// The same for dead letters, which stand in groups.
function offerDead() {
  const hint = document.querySelector("[data-fresh=dead]");
  if (!hint) return;
  let first = null;
  listen((data) => {
    first ??= data.tasks.dlq;
    const more = data.tasks.dlq - first;
    hint.hidden = more === 0;
    write(hint.querySelector("[data-fresh-text]"), more > 0 ? `${number(more)} more` : `${number(-more)} fewer`);
  });
}

// A date typed here is meant in the reader's zone; the address says it for everybody.
function offerDates() {
  const form = document.querySelector("[data-filters]");
  if (!form) return;
  for (const field of form.querySelectorAll("[data-time-field]")) {
    const at = new Date(field.dataset.value);
    if (field.dataset.value && !Number.isNaN(at.getTime())) {
      field.value = new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
    }
  }
  form.addEventListener("formdata", (event) => {
    for (const field of form.querySelectorAll("[data-time-field]")) {
      if (field.value) event.formData.set(field.dataset.timeField, new Date(field.value).toISOString());
    }
    for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
  });
  form.querySelector("[data-since]")?.addEventListener("change", () => { form.querySelector('[data-time-field="since"]').value = ""; });
}

if (selection) offerSelection();
offerFresh();
offerDead();
offerDates();
