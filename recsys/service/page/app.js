// The page: which view the address names, the reader's language and theme, and the assistant beside it all.
import { get } from "./api.js";
import * as catalogue from "./catalogue.js";
import * as chat from "./chat.js";
import * as compare from "./compare.js";
import { $ } from "./dom.js";
import { failed } from "./products.js";
import * as shopper from "./shopper.js";
import { state } from "./state.js";
import * as version from "./version.js";
import { speak, speaks, t } from "./words.js";

const VIEWS = { shopper, compare, catalogue, version };
const THEME = "recsys-theme";
let shown = 0;

async function route(focus) {
  const [, name, ...rest] = location.hash.split("/");
  const view = VIEWS[name] ? name : "shopper";
  for (const link of document.querySelectorAll("header nav a"))
    if (link.hash === `#/${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  document.title = `${t(`nav_${view}`)} · recsys`;
  const turn = ++shown;
  try {
    if (!state.card) {
      state.card = await get("/insight/card");
      if (!$("chat").hidden) chat.draw(); // opened before it was known whether the shop hears
    }
    if (turn === shown) await VIEWS[view].show($("main"), rest.length ? decodeURIComponent(rest.join("/")) : null);
  } catch (error) {
    if (turn === shown) $("main").replaceChildren(failed(error, () => route()));
  }
  if (focus && turn === shown) $("main").focus({ preventScroll: true });
}

function words() {
  document.documentElement.lang = speaks() === "zh" ? "zh-Hans" : "en";
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
  const language = $("language");
  language.textContent = t("other_language");
  language.lang = speaks() === "zh" ? "en" : "zh-Hans";
  language.setAttribute("aria-label", t("to_language"));
  $("theme").setAttribute("aria-label", t("theme"));
  $("theme").title = t("theme");
  if (!$("chat").hidden) chat.draw();
}

function paint(theme) {
  document.documentElement.dataset.theme = theme;
}

const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;
paint(localStorage.getItem(THEME) ?? (dark() ? "dark" : "light"));
$("theme").addEventListener("click", () => {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem(THEME, next);
  paint(next);
});
$("language").addEventListener("click", () => {
  speak(speaks() === "zh" ? "en" : "zh");
  words();
  route();
});
$("ask").addEventListener("click", () => chat.toggle($("chat").hidden));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !$("chat").hidden && !$("key").open) chat.toggle(false);
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("main").focus();
});
addEventListener("hashchange", () => route(true));
words();
route();
