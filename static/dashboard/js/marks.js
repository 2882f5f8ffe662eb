// States and small drawings, as dashboard/marks.py makes them: from the sprite that every page carries.

const SVG = "http://www.w3.org/2000/svg";

const STATES = {
  PENDING: ["blue", "ring"], ASSIGNED: ["blue", "disc"], RUNNING: ["blue", "disc"], COMPLETED: ["green", "tick"],
  SCHEDULED: ["slate", "clock"], BLOCKED: ["amber", "chain"], FAILED: ["red", "cross"], TIMEOUT: ["red", "hourglass"],
  CANCELLED: ["slate", "bar"], STARTING: ["slate", "dots"], IDLE: ["green", "ring"], BUSY: ["blue", "disc"],
  UNHEALTHY: ["red", "cross"], TERMINATING: ["amber", "leave"], TERMINATED: ["slate", "dash"], PAUSED: ["amber", "pause"],
  OPEN: ["green", "ring"], HEALTHY: ["green", "disc"], DEGRADED: ["amber", "alert"], CRITICAL: ["red", "cross"],
};

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "use"));
  svg.firstChild.setAttribute("href", `#i-${name}`);
  return svg;
}

export function chip(state) {
  const name = String(state).toUpperCase();
  const [family, mark] = STATES[name] ?? ["slate", "dash"];
  const span = document.createElement("span");
  span.className = `chip ${family} is-${name.toLowerCase()}`;
  span.append(icon(mark), name[0] + name.slice(1).toLowerCase().replaceAll("_", " "));
  return span;
}

// Puts a chip into a place, unless it is there already.
export function putChip(place, state) {
  if (!place || place.dataset.state === state) return;
  place.dataset.state = state;
  place.replaceChildren(...(state ? [chip(state)] : []));
}

// Draws a lane anew: one block for each stretch of the same state.
export function drawLane(svg, states) {
  const blocks = [];
  for (let start = 0; start < states.length;) {
    let end = start;
    while (end < states.length && states[end] === states[start]) end += 1;
    if (states[start]) {
      const block = document.createElementNS(SVG, "rect");
      block.setAttribute("class", `lane-${states[start].toLowerCase()}`);
      block.setAttribute("x", start);
      block.setAttribute("width", end - start);
      block.setAttribute("height", 1);
      blocks.push(block);
    }
    start = end;
  }
  svg.replaceChildren(...blocks);
}

export function readLane(svg) {
  const states = new Array(60).fill(null);
  for (const block of svg.querySelectorAll("rect")) {
    const [start, width] = [Number(block.getAttribute("x")), Number(block.getAttribute("width"))];
    states.fill(block.getAttribute("class").slice(5).toUpperCase(), start, start + width);
  }
  return states;
}

// Draws a sparkline anew, with gaps where nothing is known.
export function drawSpark(svg, values) {
  const highest = Math.max(...values.filter((value) => value !== null)) || 1;
  const [lines, areas] = [[], []];
  let run = [];
  const close = () => {
    if (run.length > 1) {
      const line = run.map(([x, y]) => `${x} ${y}`).join("L");
      lines.push(`M${line}`);
      areas.push(`M${run[0][0]} 21L${line}L${run.at(-1)[0]} 21z`);
    }
    run = [];
  };
  values.forEach((value, place) => (value === null ? close() : run.push([place, (20 - (18 * value) / highest).toFixed(1)])));
  close();
  svg.setAttribute("viewBox", `0 0 ${Math.max(values.length - 1, 1)} 21`);
  svg.querySelector(".over").setAttribute("d", lines.join(""));
  svg.querySelector(".under").setAttribute("d", areas.join(""));
}

// Writes a text only where it changes, so that nothing is laid out anew for nothing.
export function write(place, text) {
  if (place && place.textContent !== text) place.textContent = text;
}
