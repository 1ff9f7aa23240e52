// The status of one agent.
import { $, cell, follow, line, make, matches, moment, row, show, soon, use } from "../web/web.js";

const STEP = 100; // tasks that are shown at first, and with each "Show more"
const LENGTH = 60; // points of a line
const NOTHING = "-"; // not measured
const STATES = { working: "good", failing: "bad", stopped: "warn", unavailable: "faint", idle: "faint" };
const OUTCOMES = { applied: "good", failed: "bad", rejected: "warn" };
const COLUMNS = [
  // what it is in the document, its name, how it is written, its line, the least that a full line is
  ["cpu", "CPUs", (value) => value.toFixed(2), "cpu", 1],
  ["throttled", "Throttled", percent, "warn", 1],
  ["memory_bytes", "Memory", bytes, "memory", 1],
  ["pressure_cpu", "Waits for CPU", percent, "warn", 1],
  ["pressure_memory", "Waits for memory", percent, "warn", 1],
  ["pressure_io", "Waits for I/O", percent, "warn", 1],
  ["ipc", "IPC", (value) => value.toFixed(2), "cpu", 1],
];

let told = null; // the newest document
let measured = 0; // when it came, by this clock
let ask = async () => {};
let shown = STEP;
const lines = new Map(); // of tasks by id: points by what they are

function percent(share) { return `${(share * 100).toFixed(1)} %`; }

function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; count >= 1024 && unit < units.length - 1; unit += 1) count /= 1024;
  return `${count < 10 && unit ? count.toFixed(1) : Math.round(count)} ${units[unit]}`;
}

function duration(seconds) {
  const [days, hours, minutes] = [86400, 3600, 60].map((size) => Math.floor(seconds / size));
  if (days) return `${days} d ${hours % 24} h`;
  if (hours) return `${hours} h ${minutes % 60} min`;
  return minutes ? `${minutes} min` : `${Math.round(seconds)} s`;
}

function short(seconds) {
  return seconds < 1 ? `${Number((seconds * 1000).toPrecision(3))} ms` : `${Number(seconds.toPrecision(3))} s`;
}

function text(value) {
  if (value === undefined || value === null) return NOTHING;
  if (typeof value === "number") return String(Number(value.toPrecision(5)));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

const given = (value, write = text) => (value === undefined || value === null ? NOTHING : write(value));

function words(value, kind = "") { return make("span", value, kind); }

// Facts, as terms and what is known of each.
function facts(parent, pairs) {
  const before = parent.textContent;
  const made = pairs.filter(([, value]) => value !== undefined).flatMap(([name, value]) => [make("dt", name), make("dd", value)]);
  if (made.map((one) => one.textContent).join("") !== before) parent.replaceChildren(...made);
}

function drawAgent({ agent, node, at }) {
  $("title").textContent = `WCA on ${agent.host}`;
  facts($("agent"), [
    ["Version", agent.version],
    ["Runner", `${agent.runner}, every ${short(agent.interval_seconds)}`],
    ["Configuration", agent.configuration],
    ["Running for", `${duration(agent.uptime_seconds)} (process ${agent.process})`],
    ["Measured", at === undefined ? "nothing yet" : moment(at)],
    ["Last iteration", given(agent.last_iteration_seconds, short)],
    ["Missed intervals", text(agent.overruns)],
    ["Memory", given(agent.memory_bytes, bytes)],
    ["Acts", agent.acts === undefined ? undefined : agent.acts ? "yes" : "no: says what it would do"],
  ]);
  const total = node.memory_total_bytes;
  facts($("node"), [
    ["Machine", `${node.cpus} CPUs${node.cpu_model === "unknown" ? "" : `, ${node.cpu_model}`}`],
    ["CPUs in use", given(node.cpu, (value) => `${value.toFixed(2)} of ${node.cpus}`)],
    ["Memory in use", given(node.memory_used_bytes, (value) => `${bytes(value)} of ${bytes(total)}`)],
    ["Waits for CPU", given(node.pressure_cpu, percent)],
    ["Waits for memory", given(node.pressure_memory, percent)],
    ["Waits for I/O", given(node.pressure_io, percent)],
  ]);
}

// Seconds without a measurement from which on something is wrong.
const patience = (agent) => Math.max(5, 3 * agent.interval_seconds);

function drawWrong({ agent, now, at, collectors, storages, parts }) {
  const failing = [...storages, ...collectors, ...parts].filter((one) => one.state === "failing");
  const wrong = failing.map((one) => [one.name, `${one.name} fails: ${text(one.error)}`]);
  const age = now - (at ?? agent.started);
  if (age > patience(agent)) wrong.unshift(["still", `Nothing was measured for ${duration(age)}`]);
  if (agent.hold) wrong.unshift(["hold", `Nothing is changed: ${agent.hold}`]);
  show($("wrong"), wrong.map(([key, sentence]) => {
    const item = make("li", sentence);
    item.dataset.key = key;
    return item;
  }));
  $("alarm").hidden = wrong.length === 0;
}

function taskRow(task) {
  const labels = Object.entries(task.labels).map(([name, value]) => `${name}=${value}`).join(", ");
  const name = cell("", words(task.name, "name"));
  if (task.id !== task.name) name.append(words(task.id, "small"));
  if (labels) name.append(words(labels, "small"));
  return row(task.id, name, ...COLUMNS.map(([what, label, write, kind, least]) => {
    const value = task[what];
    const points = lines.get(task.id)?.[what] || [];
    const known = points.filter((one) => one !== null);
    if (value === undefined && !known.length) return cell(label, words(NOTHING, "faint"));
    const most = what === "cpu" || what === "ipc" || what === "memory_bytes" ? Math.max(least, ...known) : least;
    const said = given(value, write);
    return cell(label, use(said, value !== undefined, line(points, kind, `${label} of ${task.name}: ${said}`, most)));
  }));
}

function drawTasks({ tasks, tasks_left_out: out }) {
  const by = $("sort").value;
  const order = by === "name"
    ? (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true })
    : (a, b) => (b[by] ?? -1) - (a[by] ?? -1) || a.name.localeCompare(b.name);
  const search = (one) => [one.name, one.id, ...Object.entries(one.labels).flat()].join(" ");
  const found = tasks.filter((one) => matches(search(one), $("filter").value)).sort(order);
  show($("tasks"), found.slice(0, shown).map(taskRow));
  $("no-tasks").hidden = tasks.length > 0;
  $("left-out").hidden = !out;
  $("left-out").textContent = `${out} more tasks are measured, but not shown.`;
  $("more").hidden = found.length <= shown;
  $("more").textContent = `Show more (${found.length - shown} left)`;
}

// The key of a row: the same decision has it again in the next document.
const keyOf = (one) => JSON.stringify([one.time, one.task_id, one.sentence]);

// A short text that unfolds to all that is known.
function folded(summary, entries) {
  if (!entries.length) return words(summary);
  const made = make("details");
  made.append(make("summary", summary), ...entries.map((one) => make("div", one)));
  return made;
}

const taskOf = (one) => one.task || one.task_id || "the machine";

function anomalyRow(one) {
  const thresholds = one.thresholds || {};
  const evidence = Object.entries(one.evidence || {}).map(([name, value]) =>
    `${name}: ${text(value)}${name in thresholds ? ` (threshold ${text(thresholds[name])})` : ""}`);
  const suspects = (one.suspects || []).map((two) => `${text(two.task_id)} (${text(two.score)})`);
  return row(
    keyOf(one),
    cell("Time", moment(one.time)),
    cell("Task", taskOf(one)),
    cell("Verdict", text(one.verdict)),
    cell("Suspects", suspects.join(", ") || NOTHING),
    cell("Evidence", evidence.length ? folded(evidence[0], evidence.slice(1)) : NOTHING),
  );
}

function allocationRow(one) {
  const outcome = one.outcome === undefined ? NOTHING : one.clause ? `${one.outcome} by ${one.clause}` : one.outcome;
  const reasons = [...(one.why || []).map(text), ...(one.reason ? [one.reason] : [])];
  const kind = one.kind === "allocation" ? "" : ` (${text(one.kind)})`;
  return row(
    keyOf(one),
    cell("Time", moment(one.time)),
    cell("Task", taskOf(one)),
    cell("What", `${text(one.type)}${kind}`),
    cell("Change", `${text(one.from)} → ${text(one.to)}`),
    cell("Outcome", words(outcome, OUTCOMES[one.outcome] || "")),
    cell("Why", reasons.length ? folded(reasons[0], reasons.slice(1)) : NOTHING),
  );
}

function drawDecisions(name, rows) {
  show($(name), rows);
  $(`no-${name}`).hidden = rows.length > 0;
}

function state(one) { return cell("State", words(one.state, STATES[one.state])); }

const counts = (by) => Object.entries(by || {}).filter(([, count]) => count).map(([why, count]) => `${text(count)} ${why}`).join(", ");

function storageRow(one) {
  const size = one.waiting_bytes === undefined ? "" : ` (${bytes(one.waiting_bytes)})`;
  const recovered = one.recovered ? ` + ${text(one.recovered)} recovered` : "";
  return row(
    one.name,
    cell("", one.name),
    state(one),
    cell("Taken", `${text(one.collected)}${recovered}`),
    cell("Delivered", text(one.delivered)),
    cell("Waiting", `${text(one.waiting)}${size}`),
    cell("Dropped", counts(one.dropped) || "0"),
    cell("Last error", one.error || NOTHING),
  );
}

function collectorRow(one) {
  return row(
    one.name,
    cell("", one.name),
    state(one),
    cell("Failures", text(one.failures)),
    cell("CPU time", given(one.cpu_seconds, short)),
    cell("Tasks without numbers", counts(one.tasks_unmeasured) || NOTHING),
    cell("Last error", one.error || NOTHING),
  );
}

const draw = soon(() => {
  if (!told) return;
  drawAgent(told);
  drawWrong(told);
  drawTasks(told);
  drawDecisions("anomalies", told.anomalies.map(anomalyRow));
  drawDecisions("allocations", told.allocations.map(allocationRow));
  show($("storages"), told.storages.map(storageRow));
  show($("collectors"), told.collectors.map(collectorRow));
});

// A document with all points, or with the newest alone, which are put to those that are known.
function take(document) {
  const again = told && told.at === document.at && told.agent.started === document.agent.started;
  const there = new Set(document.tasks.map((task) => task.id));
  for (const id of lines.keys()) if (!there.has(id)) lines.delete(id);
  for (const task of document.tasks) {
    const before = lines.get(task.id) || {};
    if (task.history) {
      lines.set(task.id, task.history);
    } else if (!again) {
      const gaps = Array(Math.max(0, ...Object.values(before).map((one) => one.length))).fill(null);
      lines.set(task.id, Object.fromEntries(COLUMNS.map(([what]) =>
        [what, [...(before[what] || gaps), task[what] ?? null].slice(-LENGTH)])));
    }
  }
  if (!again) measured = Date.now();
  told = document;
  draw();
}

// An agent whose loop stands still tells nothing by itself, but it answers.
function look() {
  if (told && Date.now() - measured > patience(told.agent) * 1000) ask().catch(() => {});
}

$("sort").append(...COLUMNS.map(([what, label]) => new Option(label, what)), new Option("Name", "name"));
follow({
  stream: "status/events",
  event: "status",
  take,
  all: "status.json",
  takeAll: take,
  begin(everything) {
    ask = everything;
    ask().catch(() => {}); // the next event comes anyway
  },
});
setInterval(look, 5000);
$("filter").addEventListener("input", () => { shown = STEP; draw(); });
$("sort").addEventListener("change", draw);
$("more").addEventListener("click", () => { shown += STEP; draw(); });
