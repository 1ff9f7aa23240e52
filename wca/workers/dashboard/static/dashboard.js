"use strict";
// The live view of a fleet. Whatever comes from the agent is shown as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";
const STEP = 200; // rows that are shown at first, and with each "Show more"
const SEVERITIES = ["critical", "error", "warning", "info"];
const METRICS = [["cpu", "CPU"], ["memory", "Memory"]];

const shards = new Map();
let shown = STEP;
let drawing = false;

const $ = (id) => document.getElementById(id);

function make(tag, text = "", classes = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (classes) element.className = classes;
  return element;
}

// Parts of a line where there are values; a gap where there are none.
function path(points, width, height, most) {
  const step = points.length > 1 ? width / (points.length - 1) : 0;
  let begun = false;
  return points.map((value, index) => {
    if (value === null || value === undefined) { begun = false; return ""; }
    const move = begun ? "L" : "M";
    begun = true;
    const y = height - (Math.min(value, most) / most) * height;
    const end = points.length === 1 ? "h1" : "";
    return `${move}${(index * step).toFixed(1)} ${y.toFixed(1)}${end}`;
  }).join("");
}

function line(points, metric, label, most = 100) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 100 24");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const drawn = document.createElementNS(SVG, "path");
  drawn.setAttribute("class", metric);
  drawn.setAttribute("d", path(points, 100, 24, most));
  svg.append(drawn);
  return svg;
}

function useOf(worker, metric, label) {
  const cell = make("td");
  const reading = worker.readings[metric];
  if (!reading) return cell;
  cell.dataset.label = label;
  const use = make("div", "", "use");
  const known = reading.value !== null && (reading.verdict === "value" || reading.verdict === "zero");
  const text = known ? `${reading.value.toFixed(1)} %` : reading.verdict;
  use.append(make("b", text, known ? "" : "faint"));
  use.append(line(worker.recent[metric] || [], metric, `${label} of ${worker.name}: ${text}`));
  cell.append(use);
  return cell;
}

function wordsOf(words) {
  const cell = make("td");
  for (const [text, kind, title] of words) {
    const word = make("span", text, kind);
    if (title) word.title = title;
    if (cell.childNodes.length) cell.append(", ");
    cell.append(word);
  }
  return cell;
}

function rowOf(worker) {
  const row = document.createElement("tr");
  row.dataset.worker = worker.id;
  const name = make("td");
  const open = make("button", worker.name, "name");
  open.type = "button";
  open.addEventListener("click", () => showDetail(worker));
  name.append(open, make("span", worker.instance, "id"));
  const place = worker.account ? `${worker.region} (${worker.account})` : worker.region;
  const checks = Object.entries(worker.checks);
  const failing = checks.filter(([, word]) => word !== "ok" && word !== "not-applicable");
  const passed = checks.some(([, word]) => word === "ok") ? [["ok", "ok"]] : [];
  const where = make("td", place);
  if (worker.agent) where.append(make("span", `polled by ${worker.agent}`, "id"));
  row.append(
    name,
    where,
    wordsOf([[worker.state, worker.state]]),
    wordsOf(failing.length ? failing.map(([check, word]) => [`${check} ${word}`, word]) : passed),
    ...METRICS.map(([metric, label]) => useOf(worker, metric, label)),
    wordsOf(worker.alerts.map((alert) => [alert.rule, alert.severity, alert.summary])),
  );
  return row;
}

function matching(workers) {
  const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (one) => [one.name, one.id, one.instance, one.region, one.account, one.state, one.agent].join(" ").toLowerCase();
  return words.length ? workers.filter((one) => words.every((word) => text(one).includes(word))) : workers;
}

function drawCounts(workers) {
  const counts = new Map();
  for (const worker of workers) counts.set(worker.state, (counts.get(worker.state) || 0) + 1);
  $("counts").replaceChildren(...[...counts].sort().map(([state, count]) => {
    const item = make("li", ` ${state}`, state);
    item.prepend(make("b", String(count)));
    return item;
  }));
}

function drawAlerts(workers) {
  const firing = workers.flatMap((worker) => worker.alerts.map((alert) => ({ worker, alert })));
  firing.sort((a, b) => SEVERITIES.indexOf(a.alert.severity) - SEVERITIES.indexOf(b.alert.severity) || b.alert.since - a.alert.since);
  $("firing").replaceChildren(...firing.slice(0, STEP).map(({ worker, alert }) => {
    const item = make("li");
    item.append(make("b", alert.severity, alert.severity), ` ${worker.name}: ${alert.summary} `);
    item.append(make("span", `since ${new Date(alert.since * 1000).toLocaleString()}`, "faint"));
    return item;
  }));
  $("alerts").hidden = firing.length === 0;
}

function draw() {
  drawing = false;
  const workers = [...shards.values()].flat();
  workers.sort((a, b) => b.alerts.length - a.alerts.length || a.name.localeCompare(b.name, undefined, { numeric: true }));
  const found = matching(workers);
  drawCounts(workers);
  drawAlerts(workers);
  $("rows").replaceChildren(...found.slice(0, shown).map(rowOf));
  $("empty").hidden = workers.length > 0;
  $("more").hidden = found.length <= shown;
  $("more").textContent = `Show more (${found.length - shown} left)`;
}

// Events may come by the hundred: the page is drawn once for all of them.
function drawSoon() {
  if (drawing) return;
  drawing = true;
  setTimeout(draw, 50);
}

async function showDetail(worker) {
  $("detail-name").textContent = worker.name;
  const time = (at) => (at === null ? "not known" : new Date(at * 1000).toLocaleString());
  $("detail-facts").textContent =
    `${worker.instance} in ${worker.region}, ${worker.state}; polled: ${time(worker.polled_at)}; ` +
    `state since: ${time(worker.changed_at)}; last active: ${time(worker.active_at)}`;
  $("detail-charts").replaceChildren();
  $("detail-note").textContent = "loading the last 24 hours";
  $("detail").showModal();
  try {
    const answer = await fetch(`/api/workers/history?worker=${encodeURIComponent(worker.id)}`);
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.error);
    drawHistory(body.points);
  } catch (error) {
    $("detail-note").textContent = error.message;
  }
}

function drawHistory(points) {
  const names = [...new Set(points.flatMap((point) => Object.keys(point.values)))].sort();
  $("detail-charts").replaceChildren(...names.flatMap((name) => {
    const values = points.map((point) => point.values[name] ?? null);
    const most = Math.max(100, ...values.filter((value) => value !== null));
    const metric = METRICS.some(([known]) => known === name) ? name : "cpu";
    return [make("div", name, "faint"), line(values, metric, `${name}, the last 24 hours`, most)];
  }));
  $("detail-note").textContent = points.length ? `${points.length} polls` : "nothing is known of the last 24 hours";
}

function say(text, kind) {
  $("link").textContent = text;
  $("link").className = kind;
}

const events = new EventSource("/api/events");
events.addEventListener("open", () => { shards.clear(); say("live", "live"); drawSoon(); });
events.addEventListener("error", () => say("the agent does not answer; trying again", "lost"));
events.addEventListener("shard", (event) => {
  const { shard, workers } = JSON.parse(event.data);
  if (workers.length) shards.set(shard, workers); else shards.delete(shard);
  drawSoon();
});
$("filter").addEventListener("input", () => { shown = STEP; drawSoon(); });
$("more").addEventListener("click", () => { shown += STEP; drawSoon(); });
