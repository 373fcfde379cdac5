// Two lists of one shopper side by side: two versions, or the ranker and what sells most.
import { get, post } from "./api.js";
import { fill, h } from "./dom.js";
import { failed, meta, picture } from "./products.js";
import { body, isSomebody, state } from "./state.js";
import { moment, number, percent, t } from "./words.js";

const LENGTH = 10;
const chosen = ["live", "popularity"];

export async function show(main) {
  if (!isSomebody()) {
    const { shoppers } = await get("/insight/shoppers", { k: 1 });
    if (shoppers.length) Object.assign(state, { who: "known", user: shoppers[0].user_id, without: [] });
    else Object.assign(state, { who: "someone", text: "gift" });
  }
  const others = (state.card?.versions ?? []).filter((one) => !one.live);
  const select = (side) => {
    const options = [["live", t("live")], ["popularity", t("popularity")], ...others.map((one) => [one.version, `${one.version} · ${moment(one.created)}`])];
    const element = h("select", { id: `side-${side}` }, options.map(([value, text]) => h("option", { value, selected: chosen[side] === value }, text)));
    element.addEventListener("change", () => {
      chosen[side] = element.value;
      draw(lists, both);
    });
    return element;
  };
  const lists = [h("ol", { class: "list" }), h("ol", { class: "list" })];
  const both = h("p", { class: "hint", role: "status" });
  fill(main,
    h("div", { class: "head" }, h("h1", {}, t("compare_title")),
      h("p", { class: "hint" }, h("a", { href: "#/shopper" }, t("for_shopper", { who: whose() })))),
    both,
    h("div", { class: "halves" }, [0, 1].map((side) => h("section", {},
      h("label", { class: "field", for: `side-${side}` }, t(side ? "compare_right" : "compare_left")), select(side), lists[side]))));
  await draw(lists, both);
}

function whose() {
  if (state.who === "known") return state.user;
  return state.text || state.history.map((item) => item.title).join(", ");
}

async function draw(lists, both) {
  const found = await Promise.all(chosen.map(async (name) => {
    const how = name === "popularity" ? { by: "popularity" } : name === "live" ? {} : { version: name };
    try {
      return (await post("/insight/compare", { ...body(), ...how, k: LENGTH })).items;
    } catch (error) {
      return error;
    }
  }));
  found.forEach((items, side) => {
    if (items instanceof Error) return fill(lists[side], h("li", {}, failed(items)));
    const other = found[1 - side];
    const there = Array.isArray(other) ? other.map((item) => item.item_id) : [];
    fill(lists[side], ...items.map((item) => {
      const place = there.indexOf(item.item_id);
      return h("li", { class: "row small" },
        h("span", { class: "rank", "aria-hidden": "true" }, number(item.rank)), picture(item),
        h("div", { class: "what" }, h("div", { class: "title" }, h("h3", {}, item.title || item.item_id),
          place < 0 ? null : h("span", { class: "badge new" }, t("also", { n: number(place + 1) }))), meta(item)),
        h("p", { class: "chance" }, h("b", {}, percent(item.score)), h("span", {}, t(chosen[side] === "popularity" ? "share" : "chance"))));
    }));
  });
  if (found.every(Array.isArray)) {
    const ids = found[0].map((item) => item.item_id);
    both.textContent = t("both", { n: found[1].filter((item) => ids.includes(item.item_id)).length, of: Math.max(ids.length, found[1].length) });
  }
}
