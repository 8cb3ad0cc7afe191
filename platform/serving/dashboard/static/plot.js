// One chart, drawn by uPlot in the colours of the page.

import * as word from "/word.js";

const HEIGHT = 190;
const SYNC = "serving";

const plots = new Set();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const plot of plots) plot.redraw();
});

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function series(line) {
  const stroke = () => css(line.color);
  return {
    label: line.name,
    stroke,
    width: line.thin ? 1.25 : 2,
    dash: line.thin ? [4, 3] : undefined,
    alpha: line.thin ? 0.85 : 1,
    fill: line.stepped ? () => `${css(line.color)}1f` : undefined,
    paths: line.stepped ? uPlot.paths.stepped({ align: 1 }) : uPlot.paths.linear(),
    points: { show: (plot, at) => lonely(plot, at), size: 5, fill: stroke, stroke },
    spanGaps: false,
  };
}

// A line of single points, each between two gaps, would not be seen.
function lonely(plot, at) {
  const values = plot.data[at];
  return !values.some((value, i) => value !== null && i > 0 && values[i - 1] !== null);
}

export class Plot {
  constructor(place, kind) {
    this.place = place;
    this.kind = kind;
    this.shape = "";
    this.chart = null;
    this.told = null;
    plots.add(this);
    new ResizeObserver(() => this.fit()).observe(place);
  }

  show(told) {
    this.told = told;
    const shape = told.lines.map((line) => `${line.name} ${line.thin}`).join();
    if (!told.lines.length) return;
    if (!this.chart || shape !== this.shape) this.make(shape);
    else this.chart.setData([told.times, ...told.lines.map((line) => line.values)]);
  }

  make(shape) {
    this.chart?.destroy();
    this.shape = shape;
    const data = [this.told.times, ...this.told.lines.map((line) => line.values)];
    this.chart = new uPlot(this.options(), data, this.place);
  }

  redraw() {
    this.chart?.redraw(false, true);
  }

  fit() {
    const width = this.place.clientWidth;
    if (width && this.chart && width !== this.chart.width) this.chart.setSize({ width, height: HEIGHT });
  }

  options() {
    const axis = {
      stroke: () => css("faint"),
      grid: { stroke: () => css("grid"), width: 1 },
      ticks: { show: false },
      font: "12px system-ui, sans-serif",
    };
    return {
      width: this.place.clientWidth || 320,
      height: HEIGHT,
      padding: [8, 16, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: SYNC }, y: false, drag: { x: false, y: false } },
      scales: { x: { time: true }, y: { range: () => [0, this.told.top] } },
      axes: [
        { ...axis, size: 28, space: 70, values: (_, splits) => splits.map((at) => word.clock(at).slice(0, 5)) },
        { ...axis, size: 62, space: 36, values: (_, splits) => splits.map(this.kind.axis) },
      ],
      series: [{}, ...this.told.lines.map(series)],
      hooks: {
        drawClear: [(plot) => this.marks(plot)],
        draw: [(plot) => this.limit(plot)],
        setCursor: [(plot) => this.point(plot)],
      },
    };
  }

  limit(plot) {
    if (this.told.limit === null) return;
    const { left, width } = plot.bbox;
    const y = Math.round(plot.valToPos(this.told.limit, "y", true));
    stroke(plot, css("limit"), [7, 5], [[left, y], [left + width, y]]);
  }

  // Where a promotion began, changed the weight or ended.
  marks(plot) {
    const { top, height } = plot.bbox;
    const [first, last] = [this.told.times[0], this.told.times.at(-1)];
    for (const mark of this.told.marks.filter((each) => each.at >= first && each.at <= last)) {
      const x = Math.round(plot.valToPos(mark.at, "x", true));
      stroke(plot, css(mark.tone), [2, 4], [[x, top], [x, top + height]]);
    }
  }

  // The legend tells what is under the pointer.
  point(plot) {
    const told = this.place.parentElement.querySelectorAll(".legend li:not(.limit) b");
    const at = plot.cursor.idx ?? null;
    this.told.lines.filter((line) => !line.thin).forEach((line, i) => {
      const value = at === null ? word.last(line.values) : line.values[at];
      if (told[i]) told[i].textContent = this.kind.write(value);
    });
  }
}

function stroke(plot, color, dash, [from, to]) {
  const { ctx } = plot;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = scale;
  ctx.setLineDash(dash.map((each) => each * scale));
  ctx.beginPath();
  ctx.moveTo(...from);
  ctx.lineTo(...to);
  ctx.stroke();
  ctx.restore();
}
