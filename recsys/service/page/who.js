// Who is looked at: a shopper the shop knows, by id, or someone new by a sentence and products.
import { get } from "./api.js";
import { $, fill, h, wait } from "./dom.js";
import { changed, state } from "./state.js";
import { t } from "./words.js";

export async function showWho() {
  const mode = (value) => {
    const input = h("input", { type: "radio", name: "mode", value, checked: state.who === value });
    input.addEventListener("change", async () => {
      state.who = value;
      await showWho();
      if (value === "known" && state.user === null) location.hash = "#/shopper";
      changed("shopper");
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
      changed("shopper");
      search.focus();
    } }, item.title))));
  }));
  return h("form", { class: "stack", onsubmit: (event) => {
    event.preventDefault();
    state.text = text.value.trim();
    changed("shopper");
  } }, h("label", { for: "text", class: "field" }, t("describe")), text,
    h("label", { for: "add", class: "field" }, t("describe_add")), search, found,
    h("button", { class: "solid", type: "submit" }, t("describe_go")));
}
