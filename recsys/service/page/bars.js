// Contribution bars: what raises a score to the right of a line, what lowers it to the left, one scale for a list.
import { h, s } from "./dom.js";
import { blockName, signed, t } from "./words.js";

const SHOWN = 5;

// The blocks that move a list most, each with its place in the palette; all others share the last colour.
export function palette(rows) {
  const weight = new Map();
  for (const row of rows)
    for (const [name, value] of Object.entries(row.parts)) weight.set(name, (weight.get(name) ?? 0) + Math.abs(value));
  const ordered = [...weight.keys()].sort((a, b) => weight.get(b) - weight.get(a));
  return new Map(ordered.slice(0, SHOWN).map((name, place) => [name, place]));
}

export function scaleOf(rows) {
  const sum = (row, sign) => Object.values(row.parts).filter((v) => v * sign > 0).reduce((a, b) => a + Math.abs(b), 0);
  return { low: Math.max(...rows.map((row) => sum(row, -1)), 0), high: Math.max(...rows.map((row) => sum(row, 1)), 1e-9) };
}

export function bar(parts, colours, { low, high }) {
  const unit = 1000 / (low + high);
  const zero = low * unit;
  let right = zero;
  let left = zero;
  const shapes = [];
  const grouped = group(parts, colours);
  for (const [place, value] of grouped) {
    const width = Math.abs(value) * unit;
    const x = value > 0 ? right : left - width;
    if (value > 0) right += width;
    else left -= width;
    shapes.push(s("rect", { x, y: 1, width: Math.max(width - 1.5, 0), height: 8, class: `c${place}` }));
  }
  shapes.push(s("line", { x1: zero, x2: zero, y1: 0, y2: 10 }));
  return s("svg", { viewBox: "0 0 1000 10", preserveAspectRatio: "none", class: "bar", "aria-hidden": "true" }, ...shapes);
}

function group(parts, colours) {
  const found = [];
  let more = 0;
  let less = 0;
  for (const [name, value] of Object.entries(parts)) {
    const place = colours.get(name);
    if (place !== undefined) found.push([place, value]);
    else if (value > 0) more += value;
    else less += value;
  }
  found.sort((a, b) => a[0] - b[0]);
  return [...found, ["x", more], ["x", less]];
}

export function legend(colours) {
  const entry = (place, name) => h("li", {}, h("span", { class: `dot c${place}`, "aria-hidden": "true" }), name);
  return h("ul", { class: "legend" },
    [...colours].map(([name, place]) => entry(place, blockName(name))), entry("x", t("others")));
}

// The same as words, for those who do not see bars.
export function spoken(parts) {
  return Object.entries(parts).slice(0, 4).map(([name, value]) => `${blockName(name)} ${signed(value)}`).join(", ");
}
