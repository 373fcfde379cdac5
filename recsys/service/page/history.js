// What a shopper met, latest first; things can be left out of it and put back.
import { get } from "./api.js";
import { $, fill, h } from "./dom.js";
import { failed } from "./products.js";
import { changed, state } from "./state.js";
import { day, signed, t } from "./words.js";

const shownOfHistory = () => (matchMedia("(max-width: 720px)").matches ? 4 : 12); // on a phone the list comes next

let met = []; // as it is shown: distinct items

export async function showHistory() {
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
  changed("history");
}

function putBack(item) {
  state.without = state.without.filter((id) => id !== item.item_id);
  drawHistory(false);
  changed("history");
}

export const titleOf = (id) => met.find((item) => item.item_id === id)?.title ?? id;

// Mark the things that a reason names.
export function pointAt(ids, on) {
  for (const id of ids) $("history").querySelector(`[data-item="${CSS.escape(id)}"]`)?.classList.toggle("named", on);
}

// What each thing of the history is worth to the score of the opened row, beside it.
export function weigh(one) {
  for (const item of $("history").querySelectorAll("[data-item]")) {
    const worth = one?.worth[item.dataset.item];
    item.querySelector(".worth").textContent = worth === undefined || Math.abs(worth) < 0.005 ? "" : signed(worth);
  }
}
