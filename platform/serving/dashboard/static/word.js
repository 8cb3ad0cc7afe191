// How figures and times are written, everywhere on the page.

export const UNKNOWN = "–";

const known = (value) => value !== null && value !== undefined;

export function rate(value) {
  if (!known(value)) return UNKNOWN;
  if (value === 0) return "0";
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function milliseconds(value) {
  if (!known(value)) return UNKNOWN;
  if (value >= 10000) return `${(value / 1000).toFixed(1)} s`;
  return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ms`;
}

export function percent(share) {
  if (!known(share)) return UNKNOWN;
  const value = 100 * share;
  return `${value === 0 ? "0" : value >= 10 ? value.toFixed(0) : value.toFixed(2)} %`;
}

export function whole(share) {
  return known(share) ? `${Math.round(100 * share)} %` : UNKNOWN;
}

export function bytes(value) {
  const gib = value / 2 ** 30;
  return gib >= 1 ? `${gib.toFixed(2)} GiB` : `${(value / 2 ** 20).toFixed(0)} MiB`;
}

export function duration(seconds) {
  const whole = Math.max(Math.round(seconds), 0);
  const days = Math.floor(whole / 86400);
  const hours = Math.floor(whole / 3600) % 24;
  const minutes = Math.floor(whole / 60) % 60;
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

const TIME = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const DAY = { month: "short", day: "numeric" };

export function clock(seconds) {
  return new Date(1000 * seconds).toLocaleTimeString([], TIME);
}

export function moment(seconds, now) {
  const then = new Date(1000 * seconds);
  const today = then.toDateString() === new Date(1000 * now).toDateString();
  return today ? clock(seconds) : `${then.toLocaleDateString([], DAY)} ${clock(seconds)}`;
}

export function many(count, one, more) {
  return `${count} ${count === 1 ? one : more}`;
}

export function at(iso) {
  return Date.parse(iso) / 1000;
}

export function last(values) {
  // The newest point may still lack a scrape.
  for (let i = values.length - 1; i >= Math.max(values.length - 3, 0); i--) {
    if (known(values[i])) return values[i];
  }
  return null;
}
