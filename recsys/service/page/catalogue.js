// The catalogue: search it, find what can stand in for a product, and what completes a basket.
import { get, post } from "./api.js";
import { $, fill, h, wait } from "./dom.js";
import { opinion } from "./opinion.js";
import { outlook } from "./outlook.js";
import { failed, FIELDS, simpleRow } from "./products.js";
import { state } from "./state.js";
import { t } from "./words.js";

let asked = "";

export async function show(main, itemId) {
  const input = h("input", { id: "search", type: "search", placeholder: t("search_hint"), value: asked, autocomplete: "off", maxlength: 300 });
  input.addEventListener("input", wait(250, () => {
    asked = input.value.trim();
    find();
  }));
  fill(main,
    h("h1", {}, t("catalogue_title")),
    h("div", { class: "split turned" },
      h("section", { class: "wide" },
        h("form", { role: "search", onsubmit: (event) => { event.preventDefault(); find(); } },
          h("label", { for: "search", class: "field" }, t("search")), input),
        state.card?.pictures ? byPicture() : null,
        h("div", { id: "similar" }), h("div", { id: "results", "aria-live": "polite" })),
      h("section", { class: "side", "aria-label": t("basket") }, h("div", { id: "basket" }))));
  await Promise.all([itemId ? showSimilar(itemId) : null, find(), showBasket()]);
}

async function find() {
  const place = $("results");
  if (!place) return;
  if (!asked) return fill(place, location.hash.split("/")[2] ? null : h("p", { class: "hint" }, t("search_first")));
  try {
    const { items } = await get("/search", [["q", asked], ["k", "10"], ...FIELDS.map((name) => ["columns", name])]);
    fill(place, h("h2", {}, t("results")), h("ul", { class: "products" }, items.map((item) => simpleRow(item))));
  } catch (error) {
    fill(place, failed(error, find));
  }
}

// A picture that is chosen or dropped; it is shown beside what looks like it.
function byPicture() {
  const shown = h("img", { class: "picture", alt: t("picture_yours"), width: 56, height: 56, hidden: true });
  const input = h("input", { type: "file", id: "by-picture", class: "sr", accept: "image/jpeg,image/png,image/webp,image/gif" });
  const label = h("label", { for: "by-picture", class: "drop" }, t("picture_search"));
  const place = h("div", { class: "by-picture" }, input, label, shown);
  const look = async (file) => {
    if (!file) return;
    const reader = new FileReader(); // as a data: address, which is all that the page's policy lets an image be
    reader.addEventListener("load", () => Object.assign(shown, { src: reader.result, hidden: false }));
    reader.readAsDataURL(file);
    try {
      const query = new URLSearchParams([["k", "10"], ...FIELDS.map((name) => ["columns", name])]);
      const { items } = await post(`/search/image?${query}`, file);
      fill($("results"), h("h2", {}, t("picture_results")), h("ul", { class: "products" }, items.map((item) => simpleRow(item))));
    } catch (error) {
      fill($("results"), failed(error, () => look(file)));
    }
  };
  input.addEventListener("change", () => look(input.files[0]));
  for (const name of ["dragover", "dragenter"]) place.addEventListener(name, (event) => {
    event.preventDefault();
    place.classList.add("over");
  });
  for (const name of ["dragleave", "drop"]) place.addEventListener(name, () => place.classList.remove("over"));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    look(event.dataTransfer.files[0]);
  });
  return place;
}

async function showSimilar(itemId) {
  try {
    const [{ item }, { items }, said] = await Promise.all([
      get(`/items/${encodeURIComponent(itemId)}`),
      post("/similar", { item: itemId, k: 6, columns: FIELDS }),
      get(`/opinions/${encodeURIComponent(itemId)}`),
    ]);
    const known = ["prices", "forecast"].some((name) => state.card?.supply?.includes(name));
    fill($("similar"), opinion(item, said.opinion), known ? outlook(itemId, item.title || itemId) : null,
      h("h2", {}, t("similar_to", { title: item.title || itemId })),
      h("ul", { class: "products" }, items.map((one) => simpleRow(one))));
  } catch (error) {
    fill($("similar"), failed(error));
  }
}

export async function showBasket() {
  const place = $("basket");
  if (!place) return;
  const takeOut = (item) => {
    state.basket = state.basket.filter((one) => one.item_id !== item.item_id);
    showBasket();
  };
  const completes = h("div", {});
  fill(place,
    h("div", { class: "head" }, h("h2", {}, t("basket")), h("p", { class: "hint" }, state.basket.length || "")),
    state.basket.length ? h("ul", { class: "met" }, state.basket.map((item) => h("li", {}, h("div", {}, h("p", { class: "name" }, item.title)),
      h("button", { type: "button", class: "remove", "aria-label": t("take_out", { title: item.title }), onclick: () => takeOut(item) }, "×"))))
      : h("p", { class: "hint" }, t("basket_empty")),
    completes);
  if (!state.basket.length) return;
  try {
    const { items } = await post("/complete", { basket: state.basket.map((item) => item.item_id), k: 5, columns: FIELDS });
    fill(completes, h("h2", {}, t("completes")), h("ul", { class: "products" }, items.map((item) => simpleRow(item))));
  } catch (error) {
    fill(completes, failed(error, showBasket));
  }
}

document.addEventListener("basket", showBasket);
