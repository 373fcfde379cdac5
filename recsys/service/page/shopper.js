// One shopper: their history on one side, their list with its reasons on the other.
import { get } from "./api.js";
import { $, fill, h } from "./dom.js";
import { showHistory } from "./history.js";
import { forget, settings, showList } from "./list.js";
import { state } from "./state.js";
import { showWho } from "./who.js";
import { t } from "./words.js";

export async function show(main, user) {
  if (user && (user !== state.user || state.who !== "known")) Object.assign(state, { who: "known", user, without: [] });
  forget();
  fill(main,
    h("h1", {}, t("shopper_title")),
    h("div", { class: "split" },
      h("section", { class: "side", "aria-label": t("history") }, h("div", { id: "who" }), h("div", { id: "history" })),
      h("section", { class: "wide", "aria-labelledby": "list-title" },
        h("div", { class: "head" }, h("h2", { id: "list-title" }, t("for_you")), h("p", { class: "hint", id: "about" })),
        settings(), h("div", { id: "legend" }), h("ol", { id: "list", class: "list" }))));
  if (state.who === "known" && state.user === null) {
    const { shoppers } = await get("/insight/shoppers", { k: 1 });
    if (shoppers.length) return void location.replace(`#/shopper/${encodeURIComponent(shoppers[0].user_id)}`);
    state.who = "someone"; // a shop without shoppers
  }
  await Promise.all([showWho(), showHistory(), showList()]);
}

document.addEventListener("shopper", () => {
  forget();
  if ($("list")) Promise.all([showHistory(), showList()]);
});
document.addEventListener("history", () => showList());
