// What each worker did in the last minute, a second at a time. Rows keep their places: a worker that comes for another
// takes over its row with the past it shows, and others come at the end.

import { drawLane, putChip, readLane, write } from "./marks.js";
import { UNKNOWN, percent, shortId, shortTask, size } from "./words.js";

const { jobsUrl } = document.body.dataset;
const body = document.querySelector("[data-lanes]");
const known = new Map();
let lastAt = 0;

for (const row of body?.querySelectorAll("[data-lane]") ?? []) {
  known.set(row.dataset.lane, { row, svg: row.querySelector(".lane"), states: readLane(row.querySelector(".lane")), gone: 0 });
}

export function showLanes(lanes, timestamp) {
  if (!body) return;
  const now = Math.floor(Date.parse(timestamp) / 1000);
  const passed = lastAt ? Math.min(Math.max(now - lastAt, 0), 60) : 0;
  lastAt = now;
  const there = new Set(lanes.map((lane) => lane.id));
  const vacant = [...known.keys()].filter((id) => !there.has(id));
  for (const lane of lanes) showLane(known.get(lane.id) ?? successor(lane, vacant.shift()) ?? added(lane), lane, passed);
  for (const id of vacant) showEnd(id, known.get(id), passed);
}

// A worker that ended stays for a moment, so that its end is seen, and while the pointer is there: nothing moves under it.
function showEnd(id, one, passed) {
  one.gone += passed;
  advance(one, null, passed);
  putChip(cell(one.row, "state"), "TERMINATED");
  if (one.gone > 8 && !body.matches(":hover")) { one.row.remove(); known.delete(id); }
}

const cell = (row, name) => row.querySelector(`[data-cell="${name}"]`);

function showLane(one, lane, passed) {
  if (!one) return;
  one.gone = 0;
  advance(one, lane.state, passed);
  putChip(cell(one.row, "state"), lane.state);
  write(cell(one.row, "cpu"), percent(lane.cpu));
  write(cell(one.row, "rss"), size(lane.rss));
  for (const name of ["jobs_completed", "jobs_failed"]) if (cell(one.row, name)) write(cell(one.row, name), lane[name].toLocaleString("en-US"));
  showJob(cell(one.row, "job"), lane);
}

function advance(one, state, passed) {
  if (!passed) return;
  const stretch = new Array(passed).fill(one.states.at(-1) === state ? state : one.states.at(-1));
  stretch[stretch.length - 1] = state;
  one.states = [...one.states, ...stretch].slice(-60);
  drawLane(one.svg, one.states);
}

function showJob(place, lane) {
  if (place.dataset.job === (lane.job ?? "")) return;
  place.dataset.job = lane.job ?? "";
  if (!lane.job) {
    // A cell of a table says that there is none.
    place.replaceChildren(...(place.matches("td") ? [Object.assign(document.createElement("span"), { className: "muted", textContent: UNKNOWN })] : []));
    return;
  }
  const link = Object.assign(document.createElement("a"), { href: `${jobsUrl}${lane.job}/` });
  link.append(`${shortTask(lane.task ?? "job")} `, Object.assign(document.createElement("code"), { textContent: shortId(lane.job) }));
  place.replaceChildren(link);
}

function successor(lane, id) {
  const one = known.get(id);
  if (!one) return null;
  known.delete(id);
  known.set(lane.id, one);
  rename(one.row, lane);
  return one;
}

function added(lane) {
  const pattern = body.querySelector("[data-lane]");
  if (!pattern) { location.reload(); return null; }
  const row = pattern.cloneNode(true);
  for (const place of row.querySelectorAll("[data-cell]")) { delete place.dataset.state; delete place.dataset.job; place.replaceChildren(); }
  rename(row, lane);
  body.append(row);
  const one = { row, svg: row.querySelector(".lane"), states: new Array(60).fill(null), gone: 0 };
  drawLane(one.svg, one.states);
  known.set(lane.id, one);
  return one;
}

function rename(row, lane) {
  // What only the server knows is not taken over from another worker, but asked for under the new one's name.
  for (const place of row.querySelectorAll("[data-region]")) {
    place.textContent = "–";
    place.dataset.region = place.dataset.region.replace(row.dataset.lane, lane.id);
  }
  row.dataset.lane = lane.id;
  const who = row.querySelector(".who");
  if (who) { write(who, `w${lane.slot}`); who.title = `${lane.id}, pid ${lane.pid}`; }
  write(row.querySelector("th code"), lane.id);
}
