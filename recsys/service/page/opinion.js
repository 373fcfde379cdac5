// What reviews say of a product: stars, and for each aspect how many praise and blame it, with their words.
import { h } from "./dom.js";
import { number, t } from "./words.js";

function stars(value) {
  const filled = h("span", { class: "stars-on", "aria-hidden": "true" }, "★★★★★");
  filled.style.width = `${Math.round((value / 5) * 100)}%`;
  return h("span", { class: "stars", role: "img", "aria-label": t("stars", { n: number(value, 1) }) },
    h("span", { class: "stars-off", "aria-hidden": "true" }, "★★★★★"), filled);
}

function aspect(one) {
  return h("li", { class: "aspect" },
    h("div", { class: "aspect-head" }, h("h3", {}, one.aspect), stars(one.stars),
      h("span", { class: "meta" }, t("praised_of", { n: one.praised, of: one.praised + one.criticised }))),
    one.quotes.map((quote) => h("blockquote", { class: quote.praises ? "praises" : "blames" },
      h("span", { class: "sign", "aria-label": t(quote.praises ? "praise" : "blame"), role: "img" }, quote.praises ? "+" : "−"),
      h("span", {}, quote.text))));
}

// Nothing at all where nobody wrote.
export function opinion(item, said) {
  if (!said) return null;
  const trend = said.trend === null || Math.abs(said.trend) < 0.3 ? null : t(said.trend > 0 ? "trend_up" : "trend_down");
  return h("section", { class: "opinion", "aria-label": t("reviews") },
    h("h2", {}, t("reviews_of", { title: item.title || item.item_id })),
    h("p", { class: "overall" }, stars(said.stars), h("span", {}, [t("reviews_n", { n: said.reviews, stars: number(said.stars, 1) }), trend].filter(Boolean).join(" · "))),
    said.aspects.length ? h("ul", { class: "aspects" }, said.aspects.map(aspect)) : null);
}
