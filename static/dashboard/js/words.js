// How figures are written for people. The same words as pool/domain/wording.py, so that a figure which is brought up to
// date looks as it did when the server wrote it.

export const UNKNOWN = "–";
const AGES = [[86400, "d"], [3600, "h"], [60, "min"]];
const SIZES = ["B", "kB", "MB", "GB", "TB"];

export function number(value) {
  if (value === null || value === undefined) return UNKNOWN;
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return threeDigits(value);
}

export function rate(value) {
  return value === null || value === undefined ? UNKNOWN : `${number(value)} /s`;
}

export function milliseconds(value) {
  if (value === null || value === undefined) return UNKNOWN;
  if (value >= 60000) return twoUnits(value / 1000);
  if (value >= 1000) return `${threeDigits(value / 1000)} s`;
  return value >= 1 ? `${threeDigits(value)} ms` : `${(value * 1000).toFixed(0)} µs`;
}

export function age(seconds) {
  if (seconds === null || seconds === undefined) return UNKNOWN;
  for (const [length, unit] of AGES) if (seconds >= length) return `${Math.floor(seconds / length)} ${unit}`;
  return seconds >= 1 ? `${Math.floor(seconds)} s` : "< 1 s";
}

export function size(value) {
  if (value === null || value === undefined) return UNKNOWN;
  let step = 0;
  while (value >= 1000 && step < SIZES.length - 1) [value, step] = [value / 1000, step + 1];
  return step === 0 ? `${value.toFixed(0)} B` : `${threeDigits(value)} ${SIZES[step]}`;
}

export function percent(fraction) {
  return fraction === null || fraction === undefined ? UNKNOWN : `${threeDigits(fraction * 100)} %`;
}

// It reads 100 % when it is done, not before.
export function wholePercent(fraction) {
  return `${Math.floor(Math.min(Math.max(fraction, 0), 1) * 100)} %`;
}

export function plural(count, one, many) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

export function ago(seconds) {
  if (seconds < 0) return `in ${age(-seconds)}`;
  return seconds < 1 ? "now" : `${age(seconds)} ago`;
}

export function stopwatch(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

export function shortTask(name) {
  return name.split(".").filter((part) => part !== "tasks").join(".") || name;
}

export function shortId(id) {
  return id.replaceAll("-", "").slice(-8);
}

function twoUnits(seconds) {
  const units = [...AGES, [1, "s"]];
  for (const [place, [length, unit]] of AGES.entries()) {
    if (seconds < length) continue;
    const [part, smaller] = units[place + 1];
    const rest = Math.floor((seconds % length) / part);
    return `${Math.floor(seconds / length)} ${unit}${rest ? ` ${rest} ${smaller}` : ""}`;
  }
  return age(seconds);
}

function threeDigits(value) {
  if (value === 0 || Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2).replace(/\.?0+$/, "");
}
