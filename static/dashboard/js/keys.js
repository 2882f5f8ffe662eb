// Keys and the palette: every page and most deeds without a mouse.

import { currentLive } from "./socket.js";
import { send, toast } from "./forms.js";
import { flipTheme } from "./look.js";

const HELP = [
  ["/", "find a job"], ["Ctrl K", "commands"], ["g o", "overview"], ["g j", "jobs"], ["g q", "queues"], ["g w", "workers"],
  ["g n", "nodes"], ["g d", "dead letters"], ["g s", "schedules"], ["g e", "events"], ["j  k", "down and up"],
  ["Enter", "open the line"], ["x", "select the line"], ["c", "cancel"], ["r", "retry"], ["p", "pause updates"], ["?", "this help"],
];

const rows = () => [...document.querySelectorAll("[data-rows] tbody tr")];
const at = () => document.querySelector("[data-rows] tr.at");

function go(key) {
  const link = document.querySelector(`.bar nav a[data-key="${CSS.escape(key)}"]`);
  if (link) location.href = link.href;
}

function move(step) {
  const all = rows();
  if (!all.length) return;
  const next = all[Math.min(Math.max(all.indexOf(at()) + step, 0), all.length - 1)];
  at()?.classList.remove("at");
  next.classList.add("at");
  next.scrollIntoView({ block: "nearest" });
  next.querySelector("a")?.focus({ preventScroll: true });
}

function select() {
  const box = at()?.querySelector("input[type=checkbox]");
  if (box) box.click();
}

function act(verb) {
  const chosen = document.querySelectorAll("[data-selection] input[name=id]:checked").length;
  const bulk = document.querySelector(`[data-act] [data-verb="${verb}"]`);
  if (bulk && !chosen && at()) select();
  if (bulk && !bulk.hidden) return bulk.click();
  const form = [...document.querySelectorAll(`.job-head form[action$="/${verb}"]`)][0];
  if (!form) return undefined;
  const question = form.closest("details.confirm");
  if (!question) return form.requestSubmit();
  question.open = true;
  return form.querySelector("button").focus();
}

function pause() {
  const live = currentLive();
  if (live) toast(live.pause() ? "Updates are paused. Press p again to go on." : "Updates go on.");
}

function help() {
  const dialog = document.createElement("dialog");
  dialog.className = "help";
  const title = document.createElement("h2");
  title.textContent = "Keys";
  const list = document.createElement("dl");
  for (const [keys, words] of HELP) {
    const [term, meaning] = [document.createElement("dt"), document.createElement("dd")];
    term.append(...keys.split(" ").filter(Boolean).map((key) => Object.assign(document.createElement("kbd"), { textContent: key })));
    meaning.textContent = words;
    list.append(term, meaning);
  }
  dialog.append(title, list);
  show(dialog);
}

function show(dialog) {
  document.querySelector("dialog")?.close();
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.showModal();
}

function commands() {
  const found = [...document.querySelectorAll(".bar nav a, .drop a")].map((link) => ({
    text: link.firstChild.textContent.trim(), hint: link.dataset.key ? `g ${link.dataset.key}` : "page", run: () => { location.href = link.href; },
  }));
  found.push({ text: "Pause or continue updates", hint: "p", run: pause });
  found.push({ text: "Change the theme", hint: "", run: flipTheme });
  found.push({ text: "Show the keys", hint: "?", run: help });
  const scale = document.querySelector("[data-scale]");
  if (scale) {
    found.push({ text: "One worker more", hint: "scale", run: () => send(scale.action, { step: 1 }) });
    found.push({ text: "One worker fewer", hint: "scale", run: () => send(scale.action, { step: -1 }) });
  }
  for (const row of document.querySelectorAll("[data-queues] [data-row] th a")) {
    found.push({ text: `Jobs in queue ${row.textContent}`, hint: "queue", run: () => { location.href = row.href; } });
  }
  for (const state of ["Running", "Pending", "Scheduled", "Failed", "Timeout", "Completed", "Cancelled"]) {
    found.push({ text: `${state} jobs`, hint: "jobs", run: () => { location.href = `${document.querySelector(".find").action}?status=${state.toUpperCase()}`; } });
  }
  return found;
}

function palette() {
  const dialog = document.createElement("dialog");
  dialog.className = "palette";
  dialog.setAttribute("aria-label", "Commands");
  const input = document.createElement("input");
  Object.assign(input, { type: "search", placeholder: "Go to a page, find a job, or do something", autocomplete: "off" });
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-expanded", "true");
  input.setAttribute("aria-controls", "palette-list");
  input.setAttribute("aria-label", "Command or job");
  const list = Object.assign(document.createElement("ul"), { id: "palette-list" });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Commands");
  const all = commands();
  let shown = [];
  let place = 0;
  const choose = (next) => {
    place = Math.min(Math.max(next, 0), shown.length - 1);
    [...list.children].forEach((line, index) => line.setAttribute("aria-selected", String(index === place)));
    list.children[place]?.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", list.children[place]?.id ?? "");
  };
  const fill = () => {
    const words = input.value.trim().toLowerCase().split(/\s+/);
    shown = all.filter((one) => words.every((word) => one.text.toLowerCase().includes(word))).slice(0, 40);
    const text = input.value.trim();
    if (text) shown.push({ text: `Find jobs: ${text}`, hint: "search", run: () => { location.href = `${document.querySelector(".find").action}?search=${encodeURIComponent(text)}`; } });
    list.replaceChildren(...shown.map((one, index) => {
      const line = Object.assign(document.createElement("li"), { id: `palette-${index}` });
      line.setAttribute("role", "option");
      line.append(one.text, Object.assign(document.createElement("small"), { textContent: one.hint }));
      line.onclick = () => { dialog.close(); one.run(); };
      line.onpointermove = () => place !== index && choose(index);
      return line;
    }));
    choose(0);
  };
  input.oninput = fill;
  input.onkeydown = (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); choose(place + (event.key === "ArrowDown" ? 1 : -1)); }
    if (event.key === "Enter") { event.preventDefault(); dialog.close(); shown[place]?.run(); }
  };
  dialog.append(input, list);
  show(dialog);
  fill();
  input.focus();
}

const DEEDS = {
  "/": () => (document.querySelector("[data-focus]") ?? document.querySelector(".find input"))?.focus(),
  "?": help, j: () => move(1), k: () => move(-1), x: select, c: () => act("cancel"), r: () => act("retry"), p: pause,
};

export function hearKeys() {
  let prefix = 0;
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); return palette(); }
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return undefined;
    if (event.key === "Escape") {
      document.querySelectorAll("details.confirm[open], details.menu[open]").forEach((open) => { open.open = false; open.querySelector("summary").focus(); });
      return undefined;
    }
    if (event.target.matches("input:not([type=checkbox]), select, textarea")) return undefined;
    if (prefix && performance.now() - prefix < 1200) { prefix = 0; return go(event.key); }
    if (event.key === "g") { prefix = performance.now(); return undefined; }
    if (!DEEDS[event.key]) return undefined;
    event.preventDefault();
    return DEEDS[event.key]();
  });
  const button = document.querySelector("[data-keys-help]");
  if (button) { button.hidden = false; button.onclick = help; }
}
