// Asks the server again and again, and shows what it says.

import { Charts } from "/chart.js";
import * as table from "/table.js";
import * as word from "/word.js";

const SECONDS_BETWEEN = 2;
const find = (selector) => document.querySelector(selector);

const state = {
  seconds: 900,
  chosen: decodeURIComponent(location.hash.slice(1)),
  picked: location.hash.length > 1, // by a person; else the busiest model is shown
  answers: {},
  lost: false,
};
const charts = new Charts(find("#charts .grid"), find("#quiet"));

async function ask(what) {
  const answer = await fetch(`/api/${what}?seconds=${state.seconds}`);
  if (!answer.ok) throw new Error(`${what}: ${answer.status}`);
  return answer.json();
}

async function update() {
  const names = ["traffic", "promotions", "alerts", "processes"];
  const seconds = state.seconds;
  const found = await Promise.allSettled(names.map(ask));
  state.lost = found.every((each) => each.status === "rejected");
  if (seconds !== state.seconds) return; // asked for another time meanwhile
  names.forEach((name, i) => {
    if (found[i].status === "fulfilled") state.answers[name] = found[i].value;
  });
  show();
}

// By model, what weights the versions had from when on.
function changesOf(promotions) {
  const changes = {};
  for (const promotion of [...promotions].reverse()) {
    const of = (changes[promotion.model] ??= []);
    const split = (weight) => ({
      ...(promotion.stable ? { [promotion.stable]: 100 - weight } : {}), [promotion.version]: weight,
    });
    if (promotion.started && promotion.stable) {
      of.push({ at: word.at(promotion.started), weights: split(0) });
    }
    for (const [at, weight] of promotion.weights) of.push({ at, weights: split(weight) });
  }
  return changes;
}

const ENDS = { promoted: "good", "rolled back": "bad", "rollback failed": "bad" };

function marksOf(promotions, model) {
  return promotions.filter((each) => each.model === model).flatMap((each) => [
    ...(each.started ? [{ at: word.at(each.started), tone: "faint" }] : []),
    ...(each.outcome in ENDS ? [{ at: word.at(each.last), tone: ENDS[each.outcome] }] : []),
  ]);
}

function show() {
  const { traffic, promotions, alerts, processes } = state.answers;
  const now = Math.max(...Object.values(state.answers).map((answer) => answer.now));
  const told = promotions?.promotions ?? [];
  if (traffic?.models) models(traffic, told);
  table.promotions(find("#promotions tbody"), told, now);
  table.processes(find("#processes tbody"), processes?.processes ?? [], now);
  const firing = alerts?.firing ?? [];
  find("#alerts").hidden = !firing.length;
  table.alerts(find("#alerts ul"), firing, now);
  find("#stack").textContent = traffic?.stack ?? "";
  document.title = `${firing.length ? `(${firing.length}) ` : ""}serving ${traffic?.stack ?? ""}`;
  problems();
  summary(firing, processes?.processes ?? []);
}

function models(traffic, promotions) {
  const names = Object.keys(traffic.models);
  const shown = names.includes(state.chosen) && (state.picked || rate(traffic.models[state.chosen]));
  if (!shown) state.chosen = names.sort((a, b) => rate(traffic.models[b]) - rate(traffic.models[a]))[0] ?? "";
  const changes = changesOf(promotions);
  table.models(find("#models tbody"), traffic.models, changes, state.chosen, choose);
  find("#charts").hidden = !state.chosen;
  if (!state.chosen) return;
  find("#charts-title").textContent = state.chosen;
  charts.show({
    model: traffic.models[state.chosen],
    times: traffic.times,
    changes: changes[state.chosen] ?? [],
    marks: marksOf(promotions, state.chosen),
    blind: Boolean(traffic.problem),
  });
}

function rate(model) {
  return Object.values(model.arms).reduce((sum, arm) => sum + (word.last(arm.requests ?? []) ?? 0), 0);
}

function problems() {
  const { traffic, promotions, alerts, processes } = state.answers;
  const metrics = traffic?.problem || alerts?.problem;
  const said = [
    state.lost && "This page's server has stopped: what you see is the last that it said. "
      + "`serving dashboard` starts it again.",
    metrics && `Traffic and alerts are not known, for Prometheus does not answer (${metrics}). `
      + "`serving local up` starts again what is missing.",
    promotions?.problem,
    processes?.problem,
  ].filter(Boolean);
  const box = find("#problem");
  box.hidden = !said.length;
  if (box.textContent !== said.join("\n")) box.textContent = said.join("\n");
}

function summary(firing, processes) {
  const ended = processes.filter((each) => !each.alive).length;
  const blind = Boolean(state.answers.traffic?.problem || state.answers.alerts?.problem);
  const said = [
    ...(state.lost ? ["not connected"] : []),
    ...(firing.length ? [word.many(firing.length, "alert", "alerts")] : []),
    ...(ended ? [word.many(ended, "process ended", "processes ended")] : []),
    ...(blind ? ["no metrics"] : []),
  ];
  const box = find("#state");
  const text = said.join(", ") || (processes.length ? "all well" : "nothing runs");
  if (box.textContent !== text) box.textContent = text;
  box.className = said.length ? "bad" : processes.length ? "good" : "doubt";
}

function choose(model) {
  state.picked = true;
  if (model === state.chosen) return;
  state.chosen = model;
  history.replaceState(null, "", `#${encodeURIComponent(model)}`);
  show();
}

find("#range").addEventListener("change", (event) => {
  state.seconds = Number(event.target.value);
  update();
});

async function forever() {
  for (;;) {
    if (!document.hidden) await update();
    await new Promise((done) => setTimeout(done, 1000 * SECONDS_BETWEEN));
  }
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) update();
});
forever();
