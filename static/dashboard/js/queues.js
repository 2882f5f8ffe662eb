// The queues' figures, in place.

import { regionsKept } from "./forms.js";
import { putChip, write } from "./marks.js";
import { listen } from "./socket.js";
import { age, milliseconds, number, percent } from "./words.js";

const WORDS = { oldest_age: age, avg_wait: milliseconds, fullness: percent };
const table = document.querySelector("[data-queues]");

export function showQueues(queues) {
  if (!table) return;
  for (const row of table.querySelectorAll("[data-row]")) {
    const queue = queues[row.dataset.row];
    if (!queue) continue;
    for (const cell of row.querySelectorAll("[data-cell]")) showCell(cell, queue);
  }
}

function showCell(cell, queue) {
  const name = cell.dataset.cell;
  if (name === "paused") putChip(cell, queue.paused ? "PAUSED" : "");
  else if (name === "state") putChip(cell, queue.paused ? "PAUSED" : "OPEN");
  else if (name in queue) write(cell, (WORDS[name] ?? number)(queue[name]));
}

if (document.body.dataset.page === "queues") {
  const keep = regionsKept(10000);
  listen((data) => { showQueues(data.queue.by_queue); keep(); });
}
