// The question for a key, once for however many requests wait for it.
import { $, h } from "./dom.js";
import { t } from "./words.js";

let asked = null;

export function askForKey(refused) {
  asked ??= new Promise((resolve) => {
    const input = h("input", { type: "password", id: "key-input", autocomplete: "off", required: true });
    const close = (value) => {
      asked = null;
      $("key").close();
      resolve(value);
    };
    $("key").replaceChildren(
      h("form", { method: "dialog", onsubmit: (event) => { event.preventDefault(); close(input.value); } },
        h("h2", { id: "key-title" }, t("key_title")),
        h("p", {}, t(refused ? "key_refused" : "key_why")),
        h("label", { for: "key-input" }, t("key_label")),
        input,
        h("div", { class: "actions" },
          h("button", { type: "button", class: "quiet", onclick: () => close(null) }, t("cancel")),
          h("button", { type: "submit", class: "solid" }, t("key_use")))));
    $("key").addEventListener("cancel", () => close(null), { once: true });
    $("key").showModal();
  });
  return asked;
}
