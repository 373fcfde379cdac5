// A product as rows show it: picture where there is one, title, what and how much, and what can be done with it.
import { announce, h } from "./dom.js";
import { state, toBasket } from "./state.js";
import { number, t } from "./words.js";

export const FIELDS = ["price", "category", "brand", "image"];

export function picture(item) {
  if (!item.image) return null;
  // A path in the shop's folder of pictures is read by the server; an address by the browser itself.
  const src = state.card?.pictures && !/^(https?|data):/.test(item.image) ? `/pictures/${encodeURIComponent(item.item_id)}` : item.image;
  const image = h("img", { class: "picture", src, alt: "", loading: "lazy", width: 56, height: 56 });
  image.addEventListener("error", () => image.remove());
  return image;
}

export function meta(item) {
  const price = typeof item.price === "number" ? number(item.price, 2) : null;
  return h("p", { class: "meta" }, [item.brand, item.category, price].filter(Boolean).join(" · "));
}

export function actions(item, extra = []) {
  const held = state.basket.some((one) => one.item_id === item.item_id);
  const basket = h("button", { type: "button", class: "link", disabled: held }, t(held ? "in_basket" : "add_basket"));
  basket.addEventListener("click", () => {
    toBasket({ item_id: item.item_id, title: item.title });
    basket.textContent = t("in_basket");
    basket.disabled = true;
    announce(`${t("in_basket")}: ${item.title}`);
    document.dispatchEvent(new CustomEvent("basket"));
  });
  return h("div", { class: "actions" },
    h("a", { class: "link", href: `#/catalogue/${encodeURIComponent(item.item_id)}` }, t("similar")), basket, extra);
}

export function simpleRow(item, extra = []) {
  return h("li", { class: "product" }, picture(item),
    h("div", {}, h("h3", {}, item.title || item.item_id), meta(item), actions(item, extra)));
}

export function failed(error, again) {
  return h("div", { class: "notice", role: "alert" }, h("p", {}, t("failed", { why: error.message })),
    again ? h("button", { type: "button", class: "quiet", onclick: again }, t("again")) : null);
}
