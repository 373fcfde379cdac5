// A shopper's list: what it should be like, its rows, and why each is there as soon as that is known.
import { post } from "./api.js";
import { bar, legend, palette, scaleOf, spoken } from "./bars.js";
import { $, announce, fill, h, wait } from "./dom.js";
import { pointAt, titleOf, weigh } from "./history.js";
import { actions, failed, FIELDS, meta, picture } from "./products.js";
import { body, isSomebody, rules, state } from "./state.js";
import { blockMeaning, blockName, number, percent, signed, speaks, t } from "./words.js";

const LENGTH = 10;
const PARTS_SHOWN = 8;

let before = []; // ids of the list that was shown last
let running = null; // what stops a request that nobody waits for any more

// The next list is another shopper's: nothing in it has moved.
export function forget() {
  before = [];
}

export function settings() {
  const [least, most] = state.card?.price ?? [0, 0];
  const slider = (id, label, given, said, change) => {
    const out = h("output", { for: id }, said());
    const input = h("input", { id, type: "range", ...given });
    input.addEventListener("input", () => {
      change(Number(input.value));
      out.textContent = said();
      later();
    });
    return h("div", { class: "slider" }, h("label", { for: id }, label), out, input);
  };
  const later = wait(250, showList);
  const shared = state.rules;
  return h("fieldset", { class: "settings" }, h("legend", { class: "sr" }, t("settings")),
    slider("diversity", t("variety"), { min: "0", max: "1", step: "0.05", value: String(shared.diversity) },
      () => percent(shared.diversity), (value) => { shared.diversity = value; }),
    state.card?.price ? slider("price", t("price_up_to"), { min: String(Math.ceil(least)), max: String(Math.ceil(most)), step: "1", value: String(shared.price_max ?? Math.ceil(most)) },
      () => (shared.price_max === null ? t("any_price") : number(shared.price_max)), (value) => { shared.price_max = value >= Math.ceil(most) ? null : value; }) : null,
    slider("explore", t("share_new"), { min: "0", max: "1", step: "0.1", value: String(shared.explore) },
      () => percent(shared.explore), (value) => { shared.explore = value; }));
}

export async function showList() {
  if (!$("list")) return;
  running?.abort();
  const { signal } = (running = new AbortController());
  const list = $("list");
  list.setAttribute("aria-busy", "true");
  try {
    if (!isSomebody()) {
      fill(list);
      fill($("legend"));
      return;
    }
    const asked = body();
    const { items, version } = await post("/recommend", { ...asked, k: LENGTH, columns: FIELDS, rules: rules() }, signal);
    $("about").textContent = t("from_version", { version });
    const rows = items.map((item) => row(item));
    fill(list, ...(rows.length ? rows.map((one) => one.element) : [h("li", { class: "hint" }, t("empty_list"))]));
    said(items);
    before = items.map((item) => item.item_id);
    list.setAttribute("aria-busy", "false");
    if (items.length) await explain(asked, items, rows, signal);
  } catch (error) {
    if (error.name !== "AbortError") fill(list, h("li", {}, failed(error, showList)));
  } finally {
    if (running?.signal === signal) list.setAttribute("aria-busy", "false");
  }
}

function said(items) {
  if (!before.length) return;
  const news = items.filter((item) => !before.includes(item.item_id)).length;
  const moved = items.filter((item, place) => before.includes(item.item_id) && before.indexOf(item.item_id) !== place).length;
  announce(news || moved ? t("list_changed", { new: news, moved }) : t("list_same"));
}

function move(item) {
  if (!before.length) return null;
  const was = before.indexOf(item.item_id);
  const now = item.rank - 1;
  if (was === now) return null;
  if (was < 0) return h("span", { class: "badge new" }, t("moved_new"));
  return h("span", { class: "badge" }, t(was > now ? "moved_up" : "moved_down", { n: Math.abs(was - now) }));
}

function row(item) {
  const why = h("p", { class: "why waiting" });
  const detail = h("div", { class: "detail", id: `detail-${item.rank}`, hidden: true });
  const more = h("button", {
    type: "button", class: "more", "aria-expanded": "false", "aria-controls": detail.id,
    "aria-label": t("expand", { title: item.title }), hidden: true,
  });
  const element = h("li", { class: "row", "data-item": item.item_id },
    h("span", { class: "rank", "aria-hidden": "true" }, number(item.rank)), picture(item),
    h("div", { class: "what" }, h("div", { class: "title" }, h("h3", {}, item.title || item.item_id), move(item)), meta(item), why, more, detail),
    h("p", { class: "chance", title: t("chance_why") }, h("b", {}, percent(item.score)), h("span", {}, t("chance"))));
  return { element, why, more, detail, item };
}

async function explain(asked, items, rows, signal) {
  let told;
  try {
    told = await post("/insight/reasons", { ...asked, items: items.map((item) => item.item_id), language: speaks() }, signal);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    rows.forEach((one) => one.why.remove());
    fill($("legend"), h("p", { class: "hint" }, error.status === 503 ? t("unranked") : t("failed", { why: error.message })));
    return;
  }
  const colours = palette(told.items);
  const scale = scaleOf(told.items);
  fill($("legend"), h("p", { class: "hint" }, t("bars")), legend(colours));
  told.items.forEach((one, place) => {
    const { why, more, detail, item, element } = rows[place];
    why.classList.remove("waiting");
    why.textContent = one.sentence ?? t("no_reason");
    why.classList.toggle("silent", !one.sentence);
    fill(more, bar(one.parts, colours, scale), h("span", { class: "sr" }, spoken(one.parts)));
    more.hidden = false;
    more.addEventListener("click", () => {
      const open = more.getAttribute("aria-expanded") === "true";
      more.setAttribute("aria-expanded", String(!open));
      detail.hidden = open;
      if (!open && !detail.hasChildNodes()) detail.append(...details(asked, item, one, told.blocks, colours));
      weigh(open ? null : one);
    });
    for (const [name, on] of [["mouseenter", true], ["mouseleave", false], ["focusin", true], ["focusout", false]])
      element.addEventListener(name, () => pointAt(one.because, on));
  });
}

function details(asked, item, one, blocks, colours) {
  const largest = Math.max(...Object.values(one.parts).map(Math.abs), 1e-9);
  const parts = Object.entries(one.parts).filter(([, value]) => Math.abs(value) >= 0.01).slice(0, PARTS_SHOWN);
  const worth = Object.entries(one.worth).sort((a, b) => b[1] - a[1]).filter(([, value]) => value >= 0.005).slice(0, 3);
  const words = h("div", { class: "words" });
  const ask = h("button", { type: "button", class: "quiet", onclick: async () => {
    ask.disabled = true;
    fill(words, h("p", { class: "hint" }, t("wait")));
    try {
      const told = await post("/explain", { ...asked, item_id: item.item_id });
      const without = told.decisive.map(titleOf);
      fill(words,
        h("p", { class: "quote" }, told.sentence ?? t("no_reason")),
        h("p", { class: "hint" }, [told.writer ? t("writer_by", { writer: told.writer }) : null,
          without.length ? t("decisive", { titles: without.map((title) => `“${title}”`).join(", ") }) : null].filter(Boolean).join(" · ")));
    } catch (error) {
      fill(words, failed(error));
    }
    ask.disabled = false;
  } }, t("writer_ask"));
  return [
    h("h4", {}, t("parts")),
    h("table", { class: "parts" }, h("tbody", {}, parts.map(([name, value]) => h("tr", {},
      h("th", { scope: "row" }, h("span", { class: `dot c${colours.get(name) ?? "x"}`, "aria-hidden": "true" }), blockName(name)),
      h("td", { class: "meaning" }, blockMeaning(name, blocks[name])),
      h("td", { class: "figure" }, signed(value)),
      h("td", { class: "length" }, h("meter", { min: 0, max: 1, value: Math.abs(value) / largest, class: value < 0 ? "less" : "", "aria-hidden": "true" })))))),
    worth.length ? [h("h4", {}, t("worth")), h("p", { class: "hint" }, t("worth_hint")),
      h("ul", { class: "worths" }, worth.map(([id, value]) => h("li", {}, h("span", {}, titleOf(id)), h("b", {}, signed(value)))))] : null,
    words, h("div", { class: "actions" }, ask, actions(item)),
  ].flat(Infinity).filter(Boolean);
}
