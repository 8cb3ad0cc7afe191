// Tables and lists: elements are made one by one, so that what others wrote stays text.

import * as word from "/word.js";

export function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function fill(parent, children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.id : "";
  parent.replaceChildren(...children);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

function cell(label, content, kind) {
  return element("td", { "data-label": label, class: kind }, content);
}

function nothing(columns, text) {
  return [element("tr", { class: "nothing" }, element("td", { colspan: columns }, text))];
}

export function color(version) {
  return `v${(version - 1) % 6}`;
}

// Of a model, the weight that each version has now: what promotions set, or else what is measured.
export function weights(arms, changes) {
  const set = changes.length ? changes[changes.length - 1].weights : null;
  const rates = Object.entries(arms).map(([version, arm]) => [version, word.last(arm.requests ?? [])]);
  const whole = rates.reduce((sum, [, value]) => sum + (value ?? 0), 0);
  const live = rates.filter(([, value]) => value > 0);
  if (set && live.every(([version]) => version in set)) {
    return Object.entries(set).filter(([, value]) => value > 0).map(([v, value]) => [v, value / 100]);
  }
  return live.map(([version, value]) => [version, value / whole]);
}

function chip([version, share]) {
  return element("span", { class: `chip ${color(version)}` },
    element("i", { class: "mark" }), `v${version} `, element("b", null, `${Math.round(100 * share)} %`));
}

function chips(weights) {
  if (!weights.length) return element("small", null, "no traffic");
  return element("span", { class: "chips" }, ...weights.map(chip));
}

// Over all versions of a model: rates add up, shares and means weigh by requests, and of quantiles
// the worst is the one that tells.
function together(arms, measure) {
  const of = (arm, name) => word.last(arm[name] ?? []);
  const seen = Object.values(arms).filter((arm) => of(arm, measure) !== null);
  if (!seen.length) return null;
  const sum = (values) => values.reduce((before, value) => before + value, 0);
  if (measure === "requests") return sum(seen.map((arm) => of(arm, measure)));
  if (measure.startsWith("p")) return Math.max(...seen.map((arm) => of(arm, measure)));
  const whole = sum(seen.map((arm) => of(arm, "requests")));
  return whole ? sum(seen.map((arm) => of(arm, measure) * of(arm, "requests"))) / whole : null;
}

function over(value, limit) {
  return value !== null && value > limit ? "number over" : "number";
}

export function models(body, found, changes, chosen, choose) {
  const rows = Object.entries(found).map(([name, model]) => {
    const of = (measure) => together(model.arms, measure);
    const [p50, p99, errors, queue] = ["p50", "p99", "errors", "queue"].map(of);
    const button = element("button", {
      id: `model-${name}`, type: "button", "aria-pressed": String(name === chosen),
    }, name);
    button.addEventListener("click", () => choose(name));
    const row = element("tr", { class: name === chosen ? "chosen" : null },
      element("th", { scope: "row" }, button, element("small", null, model.tenant)),
      cell("versions", chips(weights(model.arms, changes[name] ?? []))),
      cell("requests/s", word.rate(of("requests")), "number"),
      cell("p50", word.milliseconds(p50), over(p50, model.slo.p50_ms)),
      cell("p99", word.milliseconds(p99), over(p99, model.slo.p99_ms)),
      cell("errors", word.percent(errors), over(errors, model.slo.error_rate)),
      cell("in queue", word.milliseconds(queue), over(queue, model.slo.queue_ms)));
    row.addEventListener("click", () => choose(name));
    return row;
  });
  fill(body, rows.length ? rows : nothing(7, "No model is known."));
}

const TONES = {
  promoted: "good", advance: "good", "rolled back": "bad", rollback: "bad", "rollback failed": "bad",
  unreadable: "bad",
};

function weight(promotion) {
  const value = promotion.weight;
  return element("span", { class: "weight" },
    element("progress", { max: 100, value, class: color(promotion.version ?? 1),
      "aria-label": `weight of version ${promotion.version}` }),
    `${value} %`);
}

// In words: what it does, or why it ended, and what to do where nobody is at it.
function because(promotion) {
  if (promotion.problem) return promotion.problem;
  if (promotion.outcome === "unfinished" && !promotion.runs) {
    return `Nobody is at it: \`serving promote resume ${promotion.model}\` goes on.`;
  }
  const doing = promotion.runs && promotion.doing ? `${promotion.doing}: ` : "";
  const said = `${doing}${promotion.reason}`;
  return element("span", { class: "short", title: said.length > 160 ? said : null }, said,
    promotion.gate ? element("small", null, ` ${promotion.gate}`) : null);
}

function verdict(promotion) {
  if (promotion.outcome !== "unfinished") return [promotion.outcome, TONES[promotion.outcome] ?? "doubt"];
  return promotion.runs ? [promotion.verdict || "preparing", "runs"] : ["stopped", "doubt"];
}

export function promotions(body, found, now) {
  const rows = found.map((promotion) => {
    const [what, tone] = verdict(promotion);
    const begun = promotion.started ? word.at(promotion.started) : null;
    const until = promotion.runs ? now : word.at(promotion.last || promotion.started);
    const against = promotion.stable ? ` over ${promotion.stable}` : "";
    const link = element("a", {
      id: `report-${promotion.name}`, href: `/promotions/${encodeURI(promotion.name)}`,
      "aria-label": `report on ${promotion.model} version ${promotion.version ?? ""}`,
    }, "report");
    const started = begun === null ? word.UNKNOWN
      : element("time", { datetime: promotion.started, title: promotion.started }, word.moment(begun, now));
    return element("tr", null,
      element("td", { class: "first" }, element("span", { class: `pill ${tone}` }, what)),
      cell("version", element("span", null, element("b", null, promotion.model),
        promotion.version ? ` ${promotion.version}${against}` : "")),
      cell("weight", weight(promotion)),
      cell("because", because(promotion), "text"),
      cell("started", element("span", null, started, promotion.who ? ` by ${promotion.who}` : "")),
      cell("took", begun === null ? word.UNKNOWN : word.duration(until - begun)),
      cell("", promotion.problem ? "" : link));
  });
  const hint = "No version was promoted yet: `serving promote run MODEL --version N` starts it.";
  fill(body, rows.length ? rows : nothing(7, hint));
}

export function processes(body, found, now) {
  const rows = found.map((process) => element("tr", null,
    element("th", { scope: "row" }, process.name),
    cell("kind", process.kind),
    cell("state", element("span", { class: `pill ${process.alive ? "good" : "bad"}` },
      process.alive ? "runs" : "ended")),
    cell("up", process.alive ? word.duration(now - process.since) : word.UNKNOWN, "number"),
    cell("memory", process.alive ? word.bytes(process.rss_bytes) : word.UNKNOWN, "number"),
    cell("pid", String(process.pid), "number"),
    cell("ports", Object.entries(process.ports).map(([name, port]) => `${name} ${port}`).join(", "),
      "text")));
  fill(body, rows.length ? rows : nothing(7, "Nothing runs: `serving local up` starts it."));
}

export function alerts(list, found, now) {
  fill(list, found.map((alert) => element("li", { class: alert.severity },
    element("span", { class: "pill bad" }, alert.severity || "firing"),
    element("div", null, element("b", null, alert.name), ` ${alert.summary}`,
      element("small", null, alert.description)),
    element("small", null, alert.since ? `for ${word.duration(now - word.at(alert.since))}` : ""))));
}
