// The number of workers: each press counts, also while the last one is still being carried out.

import { send } from "./forms.js";
import { write } from "./marks.js";
import { age, number } from "./words.js";

const PATIENCE_MS = 450;
let asked = null;
let timer = null;
let settledAt = 0;

const form = document.querySelector("[data-scale]");
const field = form?.querySelector("[data-size]");

export function showScale(pool) {
  for (const place of document.querySelectorAll("[data-busy]")) write(place, number(pool.workers.active));
  for (const place of document.querySelectorAll("[data-total]")) write(place, number(pool.workers.total));
  showScaling(pool.scaling ?? {});
  // What the reader has just asked for is not overwritten by a snapshot from before.
  if (!field || asked !== null || document.activeElement === field || performance.now() < settledAt) return;
  field.value = pool.size;
  field.min = Math.max(pool.nodes, 1);
  form.querySelector('[value="-1"]').disabled = pool.size <= field.min;
}

function showScaling({ mode, held_s: heldS, why }) {
  const place = document.querySelector("[data-scaling]");
  if (!place) return;
  place.hidden = mode !== "held" && mode !== "load";
  const words = place.querySelector("[data-scaling-words]");
  write(words, mode === "held" ? `set by hand, ${age(heldS)} more` : `follows the load${why ? `: ${why}` : ""}`);
  words.title = why ?? "";
  const follow = place.querySelector("[data-follow]");
  if (follow) follow.hidden = mode !== "held";
}

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    const step = Number(event.submitter?.value || 0);
    const size = Math.min(Math.max(Number(field.value) + step, Number(field.min)), Number(field.max));
    field.value = asked = size;
    clearTimeout(timer);
    timer = setTimeout(async () => {
      await send(form.action, { size: asked });
      asked = null;
      settledAt = performance.now() + 2500;
    }, step ? PATIENCE_MS : 0);
  });
}
