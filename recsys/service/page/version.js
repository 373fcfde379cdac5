// The model card of the live version: how good, made of what, and what the night read, lost and decided.
import { get } from "./api.js";
import { deliveries } from "./delivery.js";
import { fill, h, s } from "./dom.js";
import { state } from "./state.js";
import { blockMeaning, blockName, moment, number, percent, signed, t } from "./words.js";

export async function show(main) {
  state.card = await get("/insight/card");
  const { card, blocks, plots, versions, intake, supply } = state.card;
  fill(main,
    h("div", { class: "head" }, h("h1", {}, t("version_title")), h("p", { class: "hint" }, `${card.version} · ${t("made", { when: moment(card.created) })}`)),
    h("section", { class: "card quality" }, h("h2", {}, t("quality")), quality(card.gate)),
    h("section", { class: "card" }, h("h2", {}, t("facts")), facts(card)),
    h("section", { class: "card" }, h("h2", {}, t("night")), night(intake, card)),
    h("section", { class: "card" }, h("h2", {}, t("plots")), drawn(plots)),
    supply.includes("delivery") ? deliveries() : null,
    h("section", { class: "card" }, h("h2", {}, t("looks_at")),
      h("dl", { class: "blocks" }, blocks.map((block) => h("div", {}, h("dt", {}, blockName(block.name)), h("dd", {}, blockMeaning(block.name, block.meaning)))))),
    h("section", { class: "card" }, h("h2", {}, t("versions")), h("ul", { class: "versions" }, versions.map((one) => h("li", {},
      h("code", {}, one.version), h("span", { class: "meta" }, moment(one.created)), one.live ? h("span", { class: "badge new" }, t("live")) : null)))));
}

function quality(gate) {
  if (!gate?.candidate) return h("p", { class: "hint" }, t("no_gate"));
  const rival = gate.rival === "recent popularity" ? t("rival_popularity") : t("rival_live");
  const rows = [[t("candidate"), gate.candidate, "own"], [rival, gate.live, "rival"]];
  const [value, low, high] = gate.difference;
  const said = { value: signed(value), low: signed(low), high: signed(high), n: number(gate.users) };
  return [
    h("p", { class: "headline" }, h("b", {}, number(gate.candidate[0], 3)), h("span", {}, t(value >= 0 ? "ahead" : "behind", said))),
    h("table", { class: "intervals" }, h("tbody", {}, rows.map(([name, [middle, from, to], kind]) => h("tr", {},
      h("th", { scope: "row" }, name), h("td", { class: "figure" }, number(middle, 3)), h("td", { class: "length" }, interval(middle, from, to, kind)))), h("tr", { "aria-hidden": "true" }, h("td", { colspan: "2" }),
      h("td", { class: "ends meta" }, h("span", {}, number(0.5, 1)), h("span", {}, number(1)))))),
    h("p", { class: "hint" }, t("quality_hint")),
  ];
}

// A figure with its interval between a guess (0.5) and never wrong (1).
function interval(value, low, high, kind) {
  const x = (v) => Math.max(0, Math.min(1000, (v - 0.5) * 2000));
  return s("svg", { viewBox: "0 0 1000 24", preserveAspectRatio: "none", class: `interval ${kind}`, "aria-hidden": "true" },
    s("line", { x1: 0, x2: 1000, y1: 12, y2: 12, class: "axis" }),
    s("rect", { x: 0, y: 8, width: x(value), height: 8, class: "fill" }),
    s("rect", { x: x(low), y: 4, width: Math.max(x(high) - x(low), 2), height: 16, class: "range" }));
}

function facts(card) {
  const { counts, encoder, index, training, libraries } = card;
  const entry = (value, name, more) => h("div", {}, h("dt", {}, name), h("dd", { class: "value" }, value), more ? h("dd", { class: "meta" }, more) : null);
  return h("dl", { class: "facts" },
    entry(number(counts.items), t("f_items"), counts.cold_items ? `${number(counts.cold_items)} ${t("f_cold")}` : ""),
    entry(number(counts.users), t("f_users")), entry(number(counts.events), t("f_events")),
    training.pairs ? entry(number(training.pairs), t("f_pairs")) : null,
    entry(encoder.name.split("/").pop(), t("f_encoder"), `${encoder.dim} · ${encoder.pooling} · ${encoder.precision}`),
    entry(index.kind, t("f_index"), index["recall@10"] ? t("f_recall", { value: number(index["recall@10"], 2) }) : ""),
    training.calibration ? entry(t("f_calibrated", { slope: number(training.calibration.slope, 2) }), t("f_calibration")) : null,
    entry(`recsys ${libraries?.recsys ?? ""}`, t("f_libraries"), libraries ? `torch ${libraries.torch} · Python ${libraries.python}` : ""));
}

function night(intake, card) {
  const tables = Object.entries(intake.tables ?? {});
  if (!tables.length) return h("p", { class: "hint" }, t("no_intake"));
  const warnings = [...tables.flatMap(([, table]) => table.warnings), ...(intake.warnings ?? [])];
  return [
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("night") }, h("table", { class: "read" },
      h("thead", {}, h("tr", {}, ["table", "read", "used", "lost"].map((name) => h("th", { scope: "col" }, t(name))))),
      h("tbody", {}, tables.map(([name, table]) => h("tr", {},
        h("th", { scope: "row" }, t(`t_${name}`), h("span", { class: "meta" }, [table.source, ...table.reading].join(" · "))),
        h("td", { class: "figure" }, number(table.rows)), h("td", { class: "figure" }, number(table.kept)), h("td", {}, lost(table))))))),
    warnings.length ? [h("h3", {}, t("warnings")), h("ul", {}, warnings.map((text) => h("li", {}, text)))] : null,
    h("h3", {}, t("decided")), h("p", {}, decided(card)),
  ];
}

function lost(table) {
  const reasons = Object.entries(table.lost);
  if (!reasons.length) return h("span", { class: "meta" }, t("nothing_lost"));
  return h("ul", { class: "plain" }, reasons.map(([reason, loss]) => h("li", {}, `${number(loss.rows)} `, reason.replaceAll("_", " "),
    loss.examples.length ? h("span", { class: "meta" }, loss.examples.join(", ")) : null)));
}

function decided(card) {
  if (!card.gate?.difference) return `${t("f_serves")}: ${card.serves}`;
  const [value, low, high] = card.gate.difference;
  const rival = card.gate.rival === "recent popularity" ? t("rival_popularity") : t("rival_live");
  return t("published", { rival, value: signed(value), low: signed(low), high: signed(high) });
}

function drawn(plots) {
  const names = Object.keys(plots);
  if (!names.length) return [h("p", { class: "hint" }, t("no_plots")), h("pre", { tabindex: "0" }, h("code", {}, "recsys evaluate --keep"))];
  return h("div", { class: "plots" }, names.map((name) => h("figure", {},
    h("img", { src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(plots[name])}`, alt: name.replaceAll("-", " ") }),
    h("figcaption", { class: "meta" }, name.replaceAll("-", " ")))));
}
