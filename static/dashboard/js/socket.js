// What a page hears of the pool: by a websocket, and where none opens by asking every few seconds.
//
// Each message is acknowledged, because the server sends the next one only then. A connection that breaks is opened again
// after a while that grows and is never the same for two pages. The badge in the bar says how old the figures are, and
// says so loudly when they are too old.

const STALE_AFTER_MS = 5000;
const POLL_MS = 2000;
const WAITS_MS = [500, 1000, 2000, 4000, 8000, 15000];
const TRIES_BEFORE_POLLING = 2;
// The server will not change its mind about these; a reload shows why.
const FINAL = new Map([[4401, "signed out"], [4403, "no right to see this"], [4404, "job is gone"]]);

const badge = document.querySelector("[data-badge]");
const badgeText = document.querySelector("[data-badge-text]");

export class Live {
  constructor(path, kind, hear, { poll = null, cursor = () => "" } = {}) {
    Object.assign(this, { path, kind, hear, poll, cursor });
    this.seq = 0;
    this.tries = 0;
    this.heardAt = performance.now();
    this.staleFrom = null;
    this.last = null;
    this.paused = false;
    this.ended = "";
    this.polling = null;
    this.open();
    setInterval(() => this.show(), 200);
    document.addEventListener("visibilitychange", () => document.hidden || this.catchUp());
    addEventListener("pagehide", () => this.socket?.close());
    addEventListener("pageshow", (event) => event.persisted && this.open());
  }

  open() {
    clearTimeout(this.timer);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const since = this.seq ? `since=${this.seq}` : "";
    const query = [since, this.cursor()].filter(Boolean).join("&");
    this.socket = new WebSocket(`${scheme}//${location.host}${this.path}${query ? `?${query}` : ""}`);
    this.socket.onopen = () => this.opened();
    this.socket.onmessage = (event) => this.message(JSON.parse(event.data));
    this.socket.onclose = (event) => this.closed(event.code);
  }

  opened() {
    clearInterval(this.polling);
    this.polling = null;
  }

  message({ type, seq, data }) {
    if (type === "beat") this.beat();
    if (type !== this.kind) return;
    this.tries = 0;
    this.seq = seq;
    this.socket.send(JSON.stringify({ type: "ack", seq }));
    this.take(data);
  }

  // Nothing is new, and the server has looked.
  beat() {
    this.heardAt = performance.now();
    this.staleFrom = null;
  }

  closed(code) {
    this.socket = null;
    if (FINAL.has(code)) {
      this.ended = FINAL.get(code);
      return;
    }
    const wait = WAITS_MS[Math.min(this.tries, WAITS_MS.length - 1)];
    this.tries += 1;
    if (this.tries >= TRIES_BEFORE_POLLING && this.poll && !this.polling) this.startPolling();
    this.timer = setTimeout(() => this.open(), wait * (0.5 + Math.random()));
  }

  startPolling() {
    const ask = async () => {
      if (document.hidden) return;
      try {
        const answer = await fetch(this.poll, { headers: { Accept: "application/json" } });
        if (answer.status === 401 || answer.status === 403) {
          clearInterval(this.polling);
          this.ended = "signed out";
        } else if (answer.ok) {
          this.take(await answer.json());
          this.tries = Math.min(this.tries, TRIES_BEFORE_POLLING);
          // The server is back: the socket need not wait for its turn.
          if (this.socket === null && this.lost) { this.lost = false; this.open(); }
        } else this.lost = true;
      } catch { this.lost = true; }
    };
    this.polling = setInterval(ask, POLL_MS);
    ask();
  }

  take(data) {
    this.heardAt = performance.now();
    this.staleFrom = null;
    this.last = data;
    if (!this.paused && !document.hidden) this.hear(data);
  }

  catchUp() {
    if (this.last && !this.paused) this.hear(this.last);
  }

  pause() {
    this.paused = !this.paused;
    if (!this.paused) this.catchUp();
    this.show();
    return this.paused;
  }

  show() {
    if (!badge) return;
    const silent = performance.now() - this.heardAt;
    const [state, text] = this.state(silent);
    if (badge.dataset.badge !== state) badge.dataset.badge = state;
    if (badgeText.textContent !== text) badgeText.textContent = text;
  }

  state(silent) {
    if (this.ended) return ["stale", this.ended];
    if (this.paused) return ["paused", "paused"];
    if (silent > STALE_AFTER_MS) {
      this.staleFrom ??= new Date(Date.now() - silent);
      return ["stale", `stale since ${this.staleFrom.toTimeString().slice(0, 8)}`];
    }
    const seconds = `${(silent / 1000).toFixed(1)} s`;
    if (this.polling && silent < POLL_MS + 800) return ["polling", `asked ${seconds} ago`];
    if (this.socket?.readyState !== WebSocket.OPEN && silent > 1500) return ["catching", "disconnected"];
    if (!this.last || silent > 2500) return ["catching", "catching up"];
    return ["live", `live ${seconds}`];
  }
}

let pool = null;

// The pool's figures, about once a second. A page has one such connection, whoever asks for it.
export function listen(hear) {
  const hearers = (listen.hearers ??= []);
  hearers.push(hear);
  const first = document.getElementById("boot");
  const known = first ? JSON.parse(first.textContent).snapshot : null;
  if (known) hear(known);
  pool ??= new Live("/ws/metrics/", "snapshot", (data) => hearers.forEach((one) => surely(one, data)), {
    poll: document.body.dataset.liveUrl,
  });
  return pool;
}

// A part of the page that fails must not keep the others still.
function surely(hear, data) {
  try { hear(data); } catch (error) { console.error(error); }
}

let current = null;
export const setCurrent = (live) => (current = live);
export const currentLive = () => current ?? pool;
