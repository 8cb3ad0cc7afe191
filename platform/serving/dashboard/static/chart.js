// The charts of one model: which measures, which lines, which limits.

import * as word from "/word.js";
import { Plot } from "/plot.js";
import { color, element } from "/table.js";

const LIMITS_SHOWN_FROM = 0.25; // of the limit: what is far below it would be flattened by it

const short = (value) => Number(value.toPrecision(3));

const SHARE = { write: word.percent, axis: (value) => `${short(100 * value)} %` };
const TIME = { write: word.milliseconds, axis: (value) => `${short(value)} ms` };

const KINDS = [
  { title: "Weight", wide: true, lines: weightLines, thin: "really sent", top: 1, ...SHARE,
    write: word.whole },
  { title: "Requests per second", write: word.rate, axis: (value) => String(short(value)),
    lines: (model) => each(model, "requests").filter((line) => line.values.some(Boolean)) },
  { title: "Latency", thin: "p50", name: "p99", limit: (slo) => ["p99", slo.p99_ms], ...TIME,
    lines: (model) => [...each(model, "p99"), ...each(model, "p50", { thin: true })] },
  { title: "Errors", lines: (model) => each(model, "errors"), ...SHARE,
    limit: (slo) => ["at most", slo.error_rate] },
  { title: "Time in the queue", lines: (model) => each(model, "queue"), ...TIME,
    limit: (slo) => ["mean", slo.queue_ms] },
];

function each(model, measure, look = {}) {
  return Object.entries(model.arms)
    .filter(([, arm]) => (arm[measure] ?? []).some((value) => value !== null))
    .map(([version, arm]) => ({
      name: `v${version}`, color: color(version), values: arm[measure], ...look,
    }));
}

// What promotions set, as steps, and what the gateway really sent, thin.
function weightLines(model, times, changes) {
  const versions = new Set(Object.keys(model.arms));
  const shown = changes.filter((change, i) => (changes[i + 1]?.at ?? Infinity) >= times[0]);
  for (const change of shown) Object.keys(change.weights).forEach((version) => versions.add(version));
  const whole = times.map((_, i) => Object.values(model.arms)
    .reduce((sum, arm) => sum + (arm.requests?.[i] ?? 0), 0));
  const set = [];
  const sent = [];
  for (const version of [...versions].sort((a, b) => a - b)) {
    const values = stepped(times, changes, version);
    if (values.some((value) => value > 0)) {
      set.push({ name: `v${version}`, color: color(version), values, stepped: true });
    }
    const requests = model.arms[version]?.requests;
    if (requests?.some((value) => value > 0)) {
      const share = requests.map((value, i) => (whole[i] ? (value ?? 0) / whole[i] : null));
      sent.push({ name: `v${version}`, color: color(version), values: share, thin: true });
    }
  }
  return [...set, ...sent];
}

function stepped(times, changes, version) {
  let next = 0;
  return times.map((time) => {
    while (next < changes.length && changes[next].at <= time) next++;
    const weights = next ? changes[next - 1].weights : null;
    return weights ? (weights[version] ?? 0) / 100 : null;
  });
}

export class Charts {
  constructor(grid, quiet) {
    this.grid = grid;
    this.quiet = quiet;
    this.panels = KINDS.map((kind) => {
      const legend = element("ul", { class: "legend" });
      const place = element("div", { class: "plot" });
      const empty = element("p", { class: "empty", hidden: true });
      grid.append(element("figure", { class: kind.wide ? "card wide" : "card" },
        element("figcaption", null, element("h3", null, kind.title), legend), place, empty));
      return { kind, legend, place, empty, plot: new Plot(place, kind) };
    });
  }

  show({ model, times, changes, marks, blind }) {
    const drawn = this.panels.map(({ kind }) => kind.lines(model, times, changes));
    const none = blind ? "Not known." : "Nothing was measured in this time.";
    this.quiet.textContent = none;
    this.quiet.hidden = drawn.some((lines) => lines.length);
    this.grid.hidden = !this.quiet.hidden;
    this.panels.forEach((panel, i) => {
      const { kind } = panel;
      const lines = drawn[i];
      const limit = kind.limit?.(model.slo);
      const highest = Math.max(0, ...lines.flatMap((line) => line.values.map((value) => value ?? 0)));
      const near = limit !== undefined && highest >= LIMITS_SHOWN_FROM * limit[1];
      const top = kind.top ?? (Math.max(highest, near ? limit[1] : 0) * 1.15 || 1);
      panel.empty.hidden = lines.length > 0;
      panel.empty.textContent = none;
      panel.place.hidden = lines.length === 0;
      panel.plot.show({ times, lines, limit: near ? limit[1] : null, top, marks });
      legend(panel, lines, limit);
      panel.place.setAttribute("role", "img");
      panel.place.setAttribute("aria-label", said(kind, lines));
    });
  }
}

function legend(panel, lines, limit) {
  const { kind } = panel;
  const item = (name, color, mark, value) => element("li", { class: color },
    element("i", { class: mark }), `${name} `, value === null ? null : element("b", null, value));
  const items = lines.filter((line) => !line.thin).map((line) => item(
    kind.name ? `${line.name} ${kind.name}` : line.name, line.color, "mark",
    kind.write(word.last(line.values))));
  if (lines.some((line) => line.thin)) items.push(item(kind.thin, "", "mark thin", null));
  if (limit) items.push(item(`SLO ${limit[0]}`, "limit", "mark", kind.write(limit[1])));
  panel.legend.replaceChildren(...items);
}

function said(kind, lines) {
  const now = lines.map((line) =>
    `${line.name} ${line.thin ? `${kind.thin} ` : ""}${kind.write(word.last(line.values))}`);
  return `${kind.title}: ${now.join(", ") || "nothing was measured"}`;
}
