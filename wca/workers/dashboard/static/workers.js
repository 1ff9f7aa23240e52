// The live view of a fleet.
import { $, cell, follow, line, make, matches, moment, row, show, soon, use } from "../web/web.js";

const STEP = 200; // rows that are shown at first, and with each "Show more"
const SEVERITIES = ["critical", "error", "warning", "info"];
const METRICS = [["cpu", "CPU"], ["memory", "Memory"]];

const shards = new Map();
let shown = STEP;

function useOf(worker, metric, label) {
  const reading = worker.readings[metric];
  if (!reading) return cell(label);
  const known = reading.value !== null && (reading.verdict === "value" || reading.verdict === "zero");
  const text = known ? `${reading.value.toFixed(1)} %` : reading.verdict;
  return cell(label, use(text, known, line(worker.recent[metric] || [], metric, `${label} of ${worker.name}: ${text}`)));
}

function wordsOf(label, words) {
  return cell(label, ...words.flatMap(([text, kind, title], index) => {
    const word = make("span", text, kind);
    if (title) word.title = title;
    return index ? [", ", word] : [word];
  }));
}

function rowOf(worker) {
  const open = make("button", worker.name, "name");
  open.type = "button";
  open.addEventListener("click", () => showDetail(worker.id));
  const name = cell("", open, make("span", worker.instance, "small"));
  const place = worker.account ? `${worker.region} (${worker.account})` : worker.region;
  const checks = Object.entries(worker.checks);
  const failing = checks.filter(([, word]) => word !== "ok" && word !== "not-applicable");
  const passed = checks.some(([, word]) => word === "ok") ? [["ok", "ok"]] : [];
  return row(
    worker.id,
    name,
    cell("Region", place),
    wordsOf("State", [[worker.state, worker.state]]),
    wordsOf("Checks", failing.length ? failing.map(([check, word]) => [`${check} ${word}`, word]) : passed),
    ...METRICS.map(([metric, label]) => useOf(worker, metric, label)),
    wordsOf("Alerts", worker.alerts.map((alert) => [alert.rule, alert.severity, alert.summary])),
  );
}

function matching(workers) {
  const text = (one) => [one.name, one.id, one.instance, one.region, one.account, one.state].join(" ");
  return workers.filter((one) => matches(text(one), $("filter").value));
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
    item.append(make("span", `since ${moment(alert.since)}`, "faint"));
    return item;
  }));
  $("alerts").hidden = firing.length === 0;
}

// Events may come by the hundred: the page is drawn once for all of them.
const draw = soon(() => {
  const workers = [...shards.values()].flat();
  workers.sort((a, b) => b.alerts.length - a.alerts.length || a.name.localeCompare(b.name, undefined, { numeric: true }));
  const found = matching(workers);
  drawCounts(workers);
  drawAlerts(workers);
  show($("rows"), found.slice(0, shown).map(rowOf));
  $("empty").hidden = workers.length > 0;
  $("more").hidden = found.length <= shown;
  $("more").textContent = `Show more (${found.length - shown} left)`;
});

async function showDetail(id) {
  const worker = [...shards.values()].flat().find((one) => one.id === id);
  if (!worker) return; // it has ended meanwhile
  $("detail-name").textContent = worker.name;
  const time = (at) => (at === null ? "not known" : moment(at));
  $("detail-facts").textContent =
    `${worker.instance} in ${worker.region}, ${worker.state}; polled: ${time(worker.polled_at)}; ` +
    `state since: ${time(worker.changed_at)}; last active: ${time(worker.active_at)}`;
  $("detail-charts").replaceChildren();
  $("detail-note").textContent = "loading the last 24 hours";
  $("detail").showModal();
  try {
    const answer = await fetch(`api/workers/history?worker=${encodeURIComponent(worker.id)}`);
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

follow({
  stream: "api/events",
  event: "shard",
  take({ shard, workers }) {
    if (workers.length) shards.set(shard, workers); else shards.delete(shard);
    draw();
  },
  all: "api/workers",
  takeAll({ workers }) {
    shards.clear();
    shards.set("", workers);
    draw();
  },
  begin() { // the stream begins with all shards
    shards.clear();
    draw();
  },
});
$("filter").addEventListener("input", () => { shown = STEP; draw(); });
$("more").addEventListener("click", () => { shown += STEP; draw(); });
