// What all pages of the agent share. Whatever comes from the agent is shown as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";
const POLL = 5000; // milliseconds between two questions where there is no stream
const AGAIN = 30000; // milliseconds after which a stream is tried again

export const $ = (id) => document.getElementById(id);

export function make(tag, text = "", classes = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (classes) element.className = classes;
  return element;
}

// A cell; on a phone, where the table has no head, it says itself what it is. A name needs no label.
export function cell(label, ...parts) {
  const made = make("td");
  if (label && parts.length) made.dataset.label = label;
  made.setAttribute("role", "cell");
  made.append(...parts);
  return made;
}

// A row of a table, which a phone shows as a card: that takes its role away.
export function row(key, ...cells) {
  const made = make("tr");
  made.dataset.key = key;
  made.setAttribute("role", "row");
  made.append(...cells);
  return made;
}

// Parts of a line where there are values; a gap where there are none.
function path(points, width, height, most) {
  const step = points.length > 1 ? width / (points.length - 1) : 0;
  let begun = false;
  return points.map((value, index) => {
    if (value === null || value === undefined) { begun = false; return ""; }
    const move = begun ? "L" : "M";
    begun = true;
    const y = height - (Math.min(value, most) / (most || 1)) * height;
    const end = points.length === 1 ? "h1" : "";
    return `${move}${(index * step).toFixed(1)} ${y.toFixed(1)}${end}`;
  }).join("");
}

// A small line of points from 0 to the most.
export function line(points, kind, label, most = 100) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 100 24");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const drawn = document.createElementNS(SVG, "path");
  drawn.setAttribute("class", kind);
  drawn.setAttribute("d", path(points, 100, 24, most));
  svg.append(drawn);
  return svg;
}

// A number beside its line.
export function use(text, known, drawn) {
  const made = make("div", "", "use");
  made.append(make("b", text, known ? "" : "faint"), drawn);
  return made;
}

// Puts rows in place of those before. What is the same stays, and with it what a reader has marked,
// unfolded, or reached with the keyboard.
export function show(parent, rows) {
  const old = new Map([...parent.children].map((one) => [one.dataset.key, one]));
  const focused = parent.contains(document.activeElement) ? document.activeElement.closest("[data-key]") : null;
  const wanted = rows.map((made) => {
    const before = old.get(made.dataset.key);
    if (!before) return made;
    const unfolded = before.querySelectorAll("details[open]").length > 0;
    for (const details of made.querySelectorAll("details")) details.open = unfolded;
    return before.isEqualNode(made) ? before : made;
  });
  const kept = new Set(wanted);
  for (const one of [...parent.children]) if (!kept.has(one)) one.remove();
  wanted.forEach((one, index) => {
    if (parent.children[index] !== one) parent.insertBefore(one, parent.children[index] || null);
  });
  if (!focused || parent.contains(document.activeElement)) return;
  const now = wanted.find((one) => one.dataset.key === focused.dataset.key);
  if (now) now.querySelector("button, summary")?.focus();
}

export const matches = (text, filter) =>
  filter.toLowerCase().split(/\s+/).every((word) => text.toLowerCase().includes(word));

export const moment = (at) => new Date(at * 1000).toLocaleString();

// A function that is done once, a moment after it is called, however often that is.
export function soon(action) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => { waiting = false; action(); }, 50);
  };
}

function say(text, kind) {
  const link = $("link");
  if (link.textContent === text) return; // a screen reader says what is set
  link.textContent = text;
  link.className = kind;
}

// Follows what changes: by a stream of events, and where there is none to be had by asking again
// and again. A page that nobody looks at follows nothing: it would cost the agent something, and
// six of them take all connections that a browser has for one server.
//   stream: address of the events; event: their name; take: told what each of them holds.
//   all: address of everything; takeAll: told of it, where it was asked for.
//   begin: called when a stream begins; is given what asks for everything.
export function follow({ stream, event, take, all, takeAll, begin }) {
  let events = null;
  let timer = 0;

  async function ask() {
    const answer = await fetch(all, { cache: "no-store" });
    if (!answer.ok) throw new Error(`the agent answers ${answer.status}`);
    takeAll(await answer.json());
  }

  async function poll(end) {
    try {
      await ask();
      say(`live, every ${POLL / 1000} s`, "live");
    } catch {
      say("the agent does not answer; trying again", "lost");
    }
    if (!document.hidden) timer = setTimeout(() => (Date.now() < end ? poll(end) : open()), POLL);
  }

  function close() {
    clearTimeout(timer);
    events?.close();
    events = null;
  }

  function open() {
    close();
    events = new EventSource(stream);
    events.addEventListener("open", () => {
      say("live", "live");
      begin(ask);
    });
    events.addEventListener("error", ({ target }) => {
      if (target.readyState === EventSource.CLOSED) {
        poll(Date.now() + AGAIN); // refused: the browser does not try again
      } else {
        say("the agent does not answer; trying again", "lost");
      }
    });
    events.addEventListener(event, (one) => take(JSON.parse(one.data)));
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", ({ persisted }) => persisted && open());
  if (!document.hidden) open();
}
