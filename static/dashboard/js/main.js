// What every page does: times in the reader's zone, the theme, keys, forms without new pages, alerts as they come.

import { localise, nameZone, tick } from "./clock.js";
import { enhanceForms, toast } from "./forms.js";
import { hearKeys } from "./keys.js";
import { offerThemes } from "./look.js";
import { icon, write } from "./marks.js";
import { listen } from "./socket.js";
import { number } from "./words.js";

// Pages that stand still: nobody needs a connection to read settings. A job has one of its own.
const STILL = new Set(["settings", "events", "job"]);
const LOUD = new Set(["warning", "critical"]);

function showAlerts(data) {
  const strip = document.querySelector("[data-alerts]");
  const loud = data.health.alerts.filter((alert) => LOUD.has(alert.level) && !alert.muted);
  const key = JSON.stringify(loud);
  if (strip.dataset.key === key) return;
  strip.dataset.key = key;
  strip.replaceChildren(...loud.map((alert) => {
    const line = document.createElement("p");
    line.className = `alert ${alert.level}`;
    const level = document.createElement("b");
    level.textContent = alert.level[0].toUpperCase() + alert.level.slice(1);
    const words = document.createElement("span");
    words.textContent = alert.message;
    line.append(icon(alert.level === "critical" ? "cross" : "alert"), level, words);
    if (alert.id) line.append(Object.assign(document.createElement("a"), { href: strip.dataset.see, textContent: "See" }));
    return line;
  }));
}

function showDead(data) {
  const count = document.querySelector("[data-dead]");
  if (!count) return;
  count.hidden = !data.tasks.dlq;
  write(count, number(data.tasks.dlq));
}

function offerCopies() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.onclick = () => navigator.clipboard.writeText(button.dataset.copy).then(
      () => toast("Copied."), () => toast("The browser does not let a page copy here.", "error"));
  }
}

// Where a bar is too narrow for all of its entries, the one we are at is in sight.
function showWhereWeAre() {
  for (const bar of document.querySelectorAll(".bar nav, .tabs")) {
    const here = bar.querySelector("[aria-current]");
    if (here) bar.scrollLeft += here.getBoundingClientRect().left - bar.getBoundingClientRect().left - (bar.clientWidth - here.offsetWidth) / 2;
  }
}

localise();
showWhereWeAre();
nameZone();
tick();
setInterval(tick, 1000);
offerThemes();
enhanceForms();
hearKeys();
offerCopies();
if (!STILL.has(document.body.dataset.page)) {
  listen((data) => { showAlerts(data); showDead(data); });
}
