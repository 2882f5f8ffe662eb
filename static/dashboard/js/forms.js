// Forms that need no new page: the answer is shown in words, with the way back where there is one.
// Without this script each of them works as a form does.

import { localise } from "./clock.js";

export function token() {
  return document.querySelector("input[name=csrfmiddlewaretoken]")?.value ?? "";
}

export function toast(text, level = "success", undo = null) {
  const toasts = document.querySelector(".toasts");
  const box = document.createElement("div");
  box.className = `toast ${level}`;
  const words = document.createElement("p");
  words.textContent = text;
  box.append(words);
  if (undo) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Undo";
    button.onclick = () => { box.remove(); send(undo.url, undo.fields); };
    box.append(button);
  }
  toasts.append(box);
  while (toasts.children.length > 3) toasts.firstElementChild.remove();
  leaveLater(box);
}

function leaveLater(box) {
  let timer = setTimeout(() => box.remove(), 8000);
  box.addEventListener("pointerenter", () => clearTimeout(timer));
  box.addEventListener("pointerleave", () => { timer = setTimeout(() => box.remove(), 3000); });
}

export async function send(url, fields) {
  const body = fields instanceof FormData ? fields : new FormData();
  if (!(fields instanceof FormData)) Object.entries(fields).forEach(([name, value]) => body.append(name, value));
  if (!body.has("csrfmiddlewaretoken")) body.append("csrfmiddlewaretoken", token());
  let answer, said;
  try {
    answer = await fetch(url, { method: "POST", body: new URLSearchParams(body), headers: { Accept: "application/json" } });
    said = await answer.json();
  } catch {
    toast("The server did not answer. Nothing is known of what it did: reload the page.", "error");
    return false;
  }
  if (answer.ok) toast(said.text, said.level, said.undo);
  else toast(said.detail ?? "That did not work.", "error");
  document.dispatchEvent(new CustomEvent("pool:done", { detail: { url, ok: answer.ok } }));
  return answer.ok;
}

export function enhanceForms() {
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-quiet]")) return;
    event.preventDefault();
    const body = new FormData(form, event.submitter);
    form.querySelectorAll("button").forEach((button) => { button.dataset.busy = ""; });
    await send(event.submitter?.formAction && event.submitter.hasAttribute("formaction") ? event.submitter.formAction : form.action, body);
    form.querySelectorAll("button").forEach((button) => delete button.dataset.busy);
    form.closest("details.confirm")?.removeAttribute("open");
    // A button that has done its work holds nobody's place: what stands around it may be drawn anew.
    if (form.contains(document.activeElement) && document.activeElement.matches("button")) document.activeElement.blur();
  });
  // One question at a time; a click elsewhere or Escape takes it back.
  document.addEventListener("toggle", (event) => {
    if (!event.target.matches("details.confirm, details.menu") || !event.target.open) return;
    for (const other of document.querySelectorAll("details.confirm[open], details.menu[open]")) if (other !== event.target) other.open = false;
  }, true);
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.confirm[open], details.menu[open]")) if (!open.contains(event.target)) open.open = false;
  });
  document.querySelectorAll(".toasts .toast").forEach(leaveLater);
  // A choice shows at once; the button is for browsers without scripts.
  for (const form of document.querySelectorAll("form.filters")) {
    form.addEventListener("change", (event) => event.target.matches("select") && form.requestSubmit());
    form.querySelector("button.button").hidden = true;
  }
}

// Takes the parts of the page anew when they are old, whenever it is called: with each snapshot, so never for a page that
// is hidden, paused or cut off.
export function regionsKept(everyMs) {
  let [takenAt, busy] = [performance.now(), false];
  return async () => {
    if (busy || document.hidden || performance.now() - takenAt < everyMs) return;
    [takenAt, busy] = [performance.now(), true];
    try { await refreshRegions(); } catch { /* the next snapshot tries again */ }
    busy = false;
  };
}

// Takes the parts of the page that the server draws from a fresh copy of it, and leaves the rest as the reader has it.
export async function refreshRegions(url = location.href) {
  const answer = await fetch(url, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return false;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const region of document.querySelectorAll("[data-region]")) {
    const next = fresh.querySelector(`[data-region="${CSS.escape(region.dataset.region)}"]`);
    // An open question, a place the reader works in or a button being pressed is not pulled away.
    if (!next || region.querySelector("details.confirm[open]") || region.contains(document.activeElement) || region.matches(":active")) continue;
    if (region.outerHTML === next.outerHTML) continue;
    const opened = [...region.querySelectorAll("details")].map((one) => one.open);
    region.replaceWith(next);
    next.querySelectorAll("details").forEach((one, place) => { if (opened[place] !== undefined && !one.matches(".confirm")) one.open = opened[place]; });
    localise(next);
  }
  for (const name of ["status", "epoch"]) document.body.dataset[name] = fresh.body.dataset[name] ?? "";
  return true;
}
