// How long parcels take: their distribution to a place by a method, and how carriers do.
import { get } from "./api.js";
import { fill, h, s } from "./dom.js";
import { failed } from "./products.js";
import { number, percent, t } from "./words.js";

const HEIGHT = 120;

export function deliveries() {
  const chart = h("div", { "aria-live": "polite" });
  const report = h("div", {});
  const choices = h("div", { class: "choices" });
  const section = h("section", { class: "card", id: "delivery" }, h("h2", {}, t("delivery")), choices, chart, report);
  start(choices, chart, report);
  return section;
}

async function start(choices, chart, report) {
  try {
    const [known, told] = await Promise.all([get("/delivery"), get("/insight/carriers")]);
    const method = choice("delivery-method", t("delivery_method"), [["", t("delivery_any")], ...known.methods.map((name) => [name, name])]);
    const names = known.places.map(({ country, region }) => [JSON.stringify({ country, region }), [region, country].filter(Boolean).join(", ")]);
    const place = choice("delivery-place", t("delivery_place"), [["{}", t("delivery_any")], ...names]);
    const show = async () => {
      try {
        draw(chart, await get("/delivery", { method: method.select.value, ...JSON.parse(place.select.value) }));
      } catch (error) {
        fill(chart, failed(error, show));
      }
    };
    method.select.addEventListener("change", show);
    place.select.addEventListener("change", show);
    fill(choices, known.methods.length ? method.element : null, known.places.length ? place.element : null);
    draw(chart, known);
    fill(report, carriers(told));
  } catch (error) {
    fill(chart, failed(error));
  }
}

function choice(id, label, options) {
  const select = h("select", { id }, options.map(([value, text]) => h("option", { value }, text)));
  return { select, element: h("div", {}, h("label", { class: "field", for: id }, label), select) };
}

const after = (from, to) => Math.round((Date.parse(to) - Date.parse(from)) / 86400000);

function draw(chart, told) {
  if (!told.earliest) return fill(chart, h("p", { class: "hint" }, t("delivery_few", { n: number(told.parcels) })));
  const first = after(told.ordered_at, told.earliest);
  const last = after(told.ordered_at, told.latest);
  const shown = told.days.filter((one) => one.share >= 0.005);
  const highest = Math.max(...shown.map((one) => one.share));
  const span = Math.max(...shown.map((one) => one.days)) + 1;
  const width = 1000 / span;
  const bars = shown.map(({ days, share }) => s("rect", {
    x: days * width + 3, width: Math.max(width - 6, 1), y: HEIGHT - (share / highest) * (HEIGHT - 4), height: (share / highest) * (HEIGHT - 4),
    class: days >= first && days <= last ? "inside" : "outside",
  }));
  const every = Math.ceil(span / 14);
  const ticks = Array.from({ length: span }, (_, days) => days).map((days) => h("span", {}, days % every ? "" : number(days)));
  const said = t("delivery_said", { first: number(first), last: number(last), level: percent(told.level), n: number(told.parcels), day: told.ordered_at });
  fill(chart, h("figure", { class: "histogram" },
    s("svg", { viewBox: `0 0 1000 ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": said }, ...bars),
    h("div", { class: "ticks", "aria-hidden": "true" }, ticks),
    h("figcaption", { class: "meta" }, `${t("delivery_axis")} ${said}`)));
}

function carriers(told) {
  if (!told.carriers.length) return null;
  const days = (value) => (value === null ? "–" : number(value));
  const heads = ["carrier", "carrier_parcels", "carrier_half", "carrier_slow", "carrier_on_time", "carrier_missing"];
  const held = told.coverage.map((one) => t("delivery_held", { level: percent(one.level), held: percent(one.held), n: number(one.parcels) }));
  return [
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("carrier") }, h("table", { class: "read" },
      h("thead", {}, h("tr", {}, heads.map((name, place) => h("th", { scope: "col", class: place ? "figure" : null }, t(name))))),
      h("tbody", {}, told.carriers.map((one) => h("tr", {},
        h("th", { scope: "row" }, one.carrier || t("carrier_unknown")), h("td", { class: "figure" }, number(one.parcels)),
        h("td", { class: "figure" }, days(one.median_days)), h("td", { class: "figure" }, days(one.slow_days)),
        h("td", { class: "figure" }, one.on_time === null ? "–" : `${percent(one.on_time)} (${one.on_time_interval.map(percent).join(" – ")})`),
        h("td", { class: "figure" }, number(one.missing))))))),
    h("p", { class: "hint" }, [t("carrier_hint"), ...held].join(" ")),
  ];
}
