// One product's prices and weekly demand: what was, and bands for what may come.
import { get } from "./api.js";
import { fill, h, s } from "./dom.js";
import { failed } from "./products.js";
import { number, t } from "./words.js";

const HEIGHT = 130;
const DAY = 86400000;

export function outlook(itemId, title) {
  const place = h("div", { class: "outlook" });
  show(place, itemId);
  return h("section", { class: "card", id: "outlook" }, h("h2", {}, t("outlook", { title })), place);
}

async function show(place, itemId) {
  try {
    const told = await get("/insight/outlook", { item_id: itemId });
    const parts = [told.prices ? prices(told) : null, told.weeks.length ? demand(told) : null].filter(Boolean);
    fill(place, ...(parts.length ? parts : [h("p", { class: "hint" }, t("outlook_none"))]));
  } catch (error) {
    fill(place, failed(error));
  }
}

// Scales values to the drawing; x and y are given from their least to their greatest.
function scales(xs, ys) {
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  return [(x) => ((x - left) / (right - left || 1)) * 1000, (y) => HEIGHT - 6 - ((y - low) / (high - low || 1)) * (HEIGHT - 12)];
}

const path = (points) => points.map(([x, y], place) => `${place ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
const band = (xs, lows, highs, x, y, kind) => s("path", { class: kind, d: `${path([...xs.map((v, n) => [x(v), y(highs[n])]), ...xs.map((v, n) => [x(v), y(lows[n])]).reverse()])}Z` });

function chart(said, title, range, first, last, shapes, more) {
  return h("figure", {}, h("h3", {}, title, h("span", { class: "meta" }, ` ${range.join(" – ")}`)),
    s("svg", { viewBox: `0 0 1000 ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": said }, ...shapes),
    h("div", { class: "ends meta", "aria-hidden": "true" }, h("span", {}, first), h("span", {}, last)),
    h("figcaption", { class: "meta" }, [said, ...more].join(" ")));
}

function prices({ prices: known, elasticity, elasticity_low: low, elasticity_high: high }) {
  const today = Date.parse(known.today);
  const steps = known.steps.map((one) => [Date.parse(one.date), one.price]);
  const now = steps[steps.length - 1][1];
  const ahead = known.path.map((_, week) => today + (week + 1) * 7 * DAY);
  const ends = [0, 1, 2, 3].map((end) => [now, ...known.path.map((one) => one[end])]);
  const days = [today, ...ahead];
  const values = [...steps.map((one) => one[1]), known.usual ?? now, ...ends.flat()];
  const [x, y] = scales([steps[0][0], ...days], values);
  const corners = steps.flatMap(([day, price], place) => [[x(day), y(price)], [x(steps[place + 1]?.[0] ?? today), y(price)]]);
  const shapes = [
    known.path.length ? band(days, ends[0], ends[3], x, y, "wide") : null,
    known.path.length ? band(days, ends[1], ends[2], x, y, "narrow") : null,
    known.usual === null ? null : s("line", { class: "usual", x1: 0, x2: 1000, y1: y(known.usual), y2: y(known.usual) }),
    s("path", { class: "line", d: path(corners) }),
  ].filter(Boolean);
  const said = { price: number(now, 2), usual: known.usual === null ? "" : number(known.usual, 2), percent: number(Math.floor(known.below_usual * 100 + 1e-9)) };
  const key = known.usual === null ? "outlook_now" : known.below_usual > 0 ? "outlook_below" : "outlook_at";
  const more = [known.path.length ? t("outlook_path") : null,
    elasticity == null ? null : t("outlook_elastic", { value: number(-elasticity, 1), low: number(-high, 1), high: number(-low, 1) })].filter(Boolean);
  const end = new Date(days[days.length - 1]).toISOString().slice(0, 10);
  return chart(t(key, said), t("outlook_price"), [Math.min(...values), Math.max(...values)].map((one) => number(one, 2)), known.steps[0].date, end, shapes, more);
}

function demand({ weeks }) {
  const past = weeks.filter((one) => one.sold !== null);
  const next = weeks.filter((one) => one.median !== null);
  const values = [0, ...past.map((one) => one.sold), ...next.map((one) => one.high_95)];
  const [x, y] = scales(weeks.map((one) => one.week), values);
  const days = next.map((one) => one.week);
  const of = (name) => next.map((one) => one[name]);
  const shapes = [
    band(days, of("low_95"), of("high_95"), x, y, "wide"), band(days, of("low_80"), of("high_80"), x, y, "narrow"),
    s("path", { class: "line", d: path(past.map((one) => [x(one.week), y(one.sold)])) }),
    s("path", { class: "line ahead", d: path(next.map((one) => [x(one.week), y(one.median)])) }),
  ];
  const one = next[0];
  const said = t("outlook_next", { low: number(one.low_80), high: number(one.high_80), low95: number(one.low_95), high95: number(one.high_95) });
  return chart(said, t("outlook_demand"), [0, Math.max(...values)].map((one) => number(one)), weeks[0].starts, weeks[weeks.length - 1].starts, shapes, []);
}
