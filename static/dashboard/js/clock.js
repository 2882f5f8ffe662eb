// Times in the reader's own zone, which is named once, at the foot of the page.

import { age, ago, stopwatch } from "./words.js";

const two = (value) => String(value).padStart(2, "0");

function date(at) {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

function clock(at) {
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

const STYLES = {
  ago: (at, now) => ago((now - at) / 1000),
  for: (at, now) => age(Math.max(now - at, 0) / 1000),
  clock,
  full: (at) => `${date(at)} ${clock(at)}`,
};

export function localise(root = document) {
  const now = Date.now();
  for (const time of root.querySelectorAll("time[data-time]")) {
    const at = new Date(time.dateTime);
    time.textContent = STYLES[time.dataset.time](at, now);
    time.title = `${date(at)} ${clock(at)}`;
  }
}

// Ages go on by themselves; a page that stands still would lie.
export function tick() {
  const now = Date.now();
  for (const time of document.querySelectorAll('time:is([data-time="ago"], [data-time="for"])')) {
    const words = STYLES[time.dataset.time](new Date(time.dateTime), now);
    if (time.textContent !== words) time.textContent = words;
  }
  for (const time of document.querySelectorAll("time[data-since]")) {
    if (time.dataset.since) time.textContent = stopwatch((now - new Date(time.dataset.since)) / 1000);
  }
}

export function nameZone() {
  const place = document.querySelector("[data-zone]");
  if (!place) return;
  const minutes = -new Date().getTimezoneOffset();
  const offset = `UTC${minutes < 0 ? "−" : "+"}${Math.floor(Math.abs(minutes) / 60)}${minutes % 60 ? `:${two(Math.abs(minutes) % 60)}` : ""}`;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || offset;
  place.textContent = `Times in ${zone}${minutes && zone !== offset ? ` (${offset})` : ""}`;
}

export function localTime(milliseconds) {
  const at = new Date(milliseconds);
  return `${date(at)} ${clock(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}
