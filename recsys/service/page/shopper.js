// One shopper: their history on one side, their list with its reasons on the other.
import { get, post } from "./api.js";
import { bar, legend, palette, scaleOf, spoken } from "./bars.js";
import { $, announce, fill, h, wait } from "./dom.js";
import { actions, failed, FIELDS, meta, picture } from "./products.js";
import { body, isSomebody, rules, state } from "./state.js";
import { blockMeaning, blockName, day, number, percent, signed, speaks, t } from "./words.js";

const LENGTH = 10;
const shownOfHistory = () => (matchMedia("(max-width: 720px)").matches ? 4 : 12); // on a phone the list comes next
const PARTS_SHOWN = 8;

let met = []; // the history as it is shown: distinct items, latest first
let before = []; // ids of the list that was shown last
let running = null; // what stops a request that nobody waits for any more

export async function show(main, user) {
  if (user && user !== state.user) choose(user);
  before = [];
  fill(main,
    h("h1", {}, t("shopper_title")),
    h("div", { class: "split" },
      h("section", { class: "side", "aria-label": t("history") }, h("div", { id: "who" }), h("div", { id: "history" })),
      h("section", { class: "wide", "aria-labelledby": "list-title" },
        h("div", { class: "head" }, h("h2", { id: "list-title" }, t("for_you")), h("p", { class: "hint", id: "about" })),
        settings(), h("div", { id: "legend" }), h("ol", { id: "list", class: "list" }))));
  await showWho();
  if (state.who === "known" && state.user === null) {
    const { shoppers } = await get("/insight/shoppers", { k: 1 });
    if (shoppers.length) return void (location.hash = `#/shopper/${encodeURIComponent(shoppers[0].user_id)}`);
    state.who = "someone";
    await showWho();
  }
  await Promise.all([showHistory(), showList()]);
}

function choose(user) {
  Object.assign(state, { who: "known", user, without: [] });
}

// --- who ------------------------------------------------------------------------------------------------------------

async function showWho() {
  const mode = (value) => {
    const input = h("input", { type: "radio", name: "mode", value, checked: state.who === value });
    input.addEventListener("change", async () => {
      state.who = value;
      before = [];
      await showWho();
      if (value === "known" && state.user === null) location.hash = "#/shopper";
      await Promise.all([showHistory(), showList()]);
      document.querySelector(`input[name=mode][value=${value}]`).focus();
    });
    return h("label", {}, input, h("span", {}, t(value)));
  };
  fill($("who"),
    h("fieldset", { class: "segmented" }, h("legend", { class: "sr" }, t("who")), mode("known"), mode("someone")),
    state.who === "known" ? await knownShopper() : newShopper());
}

async function knownShopper() {
  const options = h("datalist", { id: "ids" });
  const input = h("input", { id: "user", list: "ids", autocomplete: "off", placeholder: t("find_hint"), value: state.user ?? "" });
  const pick = () => input.value.trim() && (location.hash = `#/shopper/${encodeURIComponent(input.value.trim())}`);
  input.addEventListener("input", wait(150, async () => {
    const { shoppers } = await get("/insight/shoppers", { q: input.value.trim(), k: 8 });
    fill(options, ...shoppers.map((one) => h("option", { value: one.user_id }, one.latest[0] ?? "")));
    if (shoppers.some((one) => one.user_id === input.value.trim())) pick();
  }));
  input.addEventListener("change", pick);
  input.addEventListener("focus", () => input.select());
  const { shoppers } = await get("/insight/shoppers", { k: 5 });
  return h("div", { class: "stack" }, h("label", { for: "user", class: "field" }, t("find")), input, options,
    h("p", { class: "field", id: "few" }, t("few")),
    h("ul", { class: "picks", "aria-labelledby": "few" }, shoppers.map((one) => h("li", {},
      h("a", { href: `#/shopper/${encodeURIComponent(one.user_id)}`, "aria-current": one.user_id === state.user ? "true" : null },
        h("b", {}, one.user_id), h("span", {}, one.latest[0] ?? ""))))));
}

function newShopper() {
  const text = h("input", { id: "text", placeholder: t("describe_hint"), value: state.text, maxlength: 300 });
  const found = h("ul", { class: "found" });
  const search = h("input", { id: "add", type: "search", placeholder: t("search_hint"), autocomplete: "off" });
  search.addEventListener("input", wait(250, async () => {
    if (!search.value.trim()) return fill(found);
    const { items } = await get("/search", { q: search.value.trim(), k: 5 });
    fill(found, ...items.map((item) => h("li", {}, h("button", { type: "button", class: "link", onclick: () => {
      state.history = [...state.history.filter((one) => one.item_id !== item.item_id), { item_id: item.item_id, title: item.title }];
      search.value = "";
      fill(found);
      changed();
      search.focus();
    } }, item.title))));
  }));
  return h("form", { class: "stack", onsubmit: (event) => {
    event.preventDefault();
    state.text = text.value.trim();
    changed();
  } }, h("label", { for: "text", class: "field" }, t("describe")), text,
    h("label", { for: "add", class: "field" }, t("describe_add")), search, found,
    h("button", { class: "solid", type: "submit" }, t("describe_go")));
}

const changed = () => Promise.all([showHistory(), showList()]);

// --- history --------------------------------------------------------------------------------------------------------

async function showHistory() {
  try {
    met = state.who === "known" ? await metBy(state.user) : [...state.history].reverse();
  } catch (error) {
    met = [];
    fill($("history"), failed(error));
    return;
  }
  drawHistory(false);
}

async function metBy(user) {
  if (user === null) return [];
  const { items } = await get(`/users/${encodeURIComponent(user)}/history`);
  const distinct = new Map();
  for (const one of items) {
    const known = distinct.get(one.item_id);
    distinct.delete(one.item_id); // the latest event decides the place
    const bought = one.event ? one.event === "purchase" : one.weight >= 1;
    distinct.set(one.item_id, { ...one, bought: bought || Boolean(known?.bought) });
  }
  return [...distinct.values()].reverse();
}

function drawHistory(all) {
  const kept = met.filter((item) => !state.without.includes(item.item_id));
  const gone = met.filter((item) => state.without.includes(item.item_id));
  const shown = all ? kept : kept.slice(0, shownOfHistory());
  fill($("history"),
    h("div", { class: "head" }, h("h2", {}, t("history")), h("p", { class: "hint" }, met.length ? `${kept.length} · ${t("latest_first")}` : "")),
    met.length ? null : h("p", { class: "hint" }, t("nothing_met")),
    gone.length ? h("div", { class: "gone" }, h("h3", { class: "field" }, t("left_out")),
      h("ul", {}, gone.map((item) => h("li", {}, h("s", {}, item.title),
        h("button", { type: "button", class: "link", "aria-label": t("put_back_title", { title: item.title }), onclick: () => putBack(item) }, t("put_back")))))) : null,
    h("ul", { class: "met" }, shown.map((item) => h("li", { "data-item": item.item_id },
      h("div", {}, h("p", { class: "name" }, item.title), h("p", { class: "meta" }, when(item))),
      h("span", { class: "worth" }),
      h("button", { type: "button", class: "remove", "aria-label": t("remove", { title: item.title }), title: t("remove", { title: "" }).trim(), onclick: () => leaveOut(item) }, "×")))),
    shown.length < kept.length ? h("button", { type: "button", class: "quiet", onclick: () => drawHistory(true) }, t("more_history", { n: kept.length })) : null);
}

function when(item) {
  const what = item.bought === undefined ? null : t(item.bought ? "bought" : "viewed");
  return [what, item.timestamp ? day(item.timestamp) : null].filter(Boolean).join(" · ");
}

function leaveOut(item) {
  if (state.who === "known") state.without = [...state.without, item.item_id];
  else {
    state.history = state.history.filter((one) => one.item_id !== item.item_id);
    met = [...state.history].reverse();
  }
  drawHistory(false);
  ($("history").querySelector(".remove") ?? $("main")).focus();
  showList();
}

function putBack(item) {
  state.without = state.without.filter((id) => id !== item.item_id);
  drawHistory(false);
  showList();
}

// --- the list -------------------------------------------------------------------------------------------------------

function settings() {
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

async function showList() {
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
    const point = (on) => one.because.forEach((id) => $("history").querySelector(`[data-item="${CSS.escape(id)}"]`)?.classList.toggle("named", on));
    element.addEventListener("mouseenter", () => point(true));
    element.addEventListener("mouseleave", () => point(false));
    element.addEventListener("focusin", () => point(true));
    element.addEventListener("focusout", () => point(false));
  });
}

// What each thing of the history is worth to the score of the opened row, beside it.
function weigh(one) {
  for (const item of $("history").querySelectorAll("[data-item]")) {
    const worth = one?.worth[item.dataset.item];
    item.querySelector(".worth").textContent = worth === undefined || Math.abs(worth) < 0.005 ? "" : signed(worth);
  }
}

function details(asked, item, one, blocks, colours) {
  const largest = Math.max(...Object.values(one.parts).map(Math.abs), 1e-9);
  const parts = Object.entries(one.parts).filter(([, value]) => Math.abs(value) >= 0.01).slice(0, PARTS_SHOWN);
  const titles = new Map(met.map((thing) => [thing.item_id, thing.title]));
  const worth = Object.entries(one.worth).sort((a, b) => b[1] - a[1]).filter(([, value]) => value >= 0.005).slice(0, 3);
  const words = h("div", { class: "words" });
  const ask = h("button", { type: "button", class: "quiet", onclick: async () => {
    ask.disabled = true;
    fill(words, h("p", { class: "hint" }, t("wait")));
    try {
      const told = await post("/explain", { ...asked, item_id: item.item_id });
      const without = told.decisive.map((id) => titles.get(id) ?? id);
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
      h("ul", { class: "worths" }, worth.map(([id, value]) => h("li", {}, h("span", {}, titles.get(id) ?? id), h("b", {}, signed(value)))))] : null,
    words, h("div", { class: "actions" }, ask, actions(item)),
  ].flat(Infinity).filter(Boolean);
}
