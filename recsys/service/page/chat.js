// The assistant beside whatever is looked at: its words as they come, with their sources.
import { get, stream } from "./api.js";
import { $, announce, fill, h } from "./dom.js";
import { state } from "./state.js";
import { hears, microphone, readAloud, talks } from "./voice.js";
import { t } from "./words.js";

const turns = []; // {role, content, answer}

export function draw() {
  const before = $("question"); // drawn again, what is being typed stays
  const typing = before !== null && document.activeElement === before;
  const input = h("input", { id: "question", autocomplete: "off", maxlength: 2000, required: true });
  input.value = before?.value ?? "";
  const log = h("div", { id: "log", role: "log", tabindex: "0", "aria-label": t("chat_title") });
  const told = h("p", { class: "hint", role: "status" });
  const speak = state.card?.voice && hears()
    ? microphone((text) => {
      input.value = text; // seen, and corrected where need be, before it is asked
      told.textContent = t("voice_check");
      input.focus();
    }, (why) => { told.textContent = why; })
    : null;
  fill($("chat"),
    h("div", { class: "head" }, h("h2", { id: "chat-title" }, t("chat_title")),
      h("button", { type: "button", class: "quiet icon", "aria-label": t("close"), onclick: () => toggle(false) }, "×")),
    log,
    told,
    h("form", { onsubmit: (event) => {
      event.preventDefault();
      told.textContent = "";
      const question = input.value.trim();
      input.value = "";
      if (question) ask(question);
    } }, h("label", { for: "question", class: "sr" }, t("chat_label")), input, speak, h("button", { type: "submit", class: "solid" }, t("chat_send"))));
  input.placeholder = t("chat_label");
  if (typing) input.focus();
  drawLog();
}

export function toggle(open) {
  $("chat").hidden = !open;
  document.body.classList.toggle("chatting", open);
  $("ask").setAttribute("aria-expanded", String(open));
  if (open) {
    draw();
    $("question").focus();
  } else $("ask").focus();
}

function drawLog() {
  const log = $("log");
  if (!log) return;
  const who = state.who === "known" && state.user ? h("p", { class: "hint" }, t("chat_as", { who: state.user })) : null;
  const start = [h("p", { class: "hint" }, t("chat_hint")), who,
    h("ul", { class: "tries" }, ["chat_try_1", "chat_try_2", "chat_try_3"].map((key) => h("li", {},
      h("button", { type: "button", class: "quiet", onclick: () => ask(t(key)) }, t(key)))))];
  fill(log, turns.length ? turns.map(said) : start);
  const asked = [...log.querySelectorAll(".mine")].pop();
  if (asked) log.scrollTop = asked.offsetTop - log.offsetTop - 12; // an answer is read from its beginning
}

function said(turn) {
  if (turn.role === "user") return h("div", { class: "turn mine" }, h("span", { class: "sr" }, t("chat_you")), h("p", {}, turn.content));
  const answer = turn.answer;
  return h("div", { class: `turn theirs${answer || turn.failed ? "" : " waiting"}` }, h("span", { class: "sr" }, t("chat_shop")),
    (turn.content || t("wait")).split("\n").filter(Boolean).map((line) => h("p", {}, line)),
    answer?.handover ? h("p", { class: "hint" }, t("chat_person")) : null,
    answer && state.card?.voice && talks() ? readAloud(turn.content) : null,
    answer?.sources?.length ? h("ul", { class: "sources", "aria-label": t("chat_sources") }, answer.sources.map(source)) : null);
}

const titles = new Map();

function source(id) {
  const [kind, ...rest] = id.split(":");
  const name = rest.join(":");
  const label = h("span", {}, ["faq", "policy", "item", "order"].includes(kind) ? t(`s_${kind}`) : kind);
  if (kind !== "item") return h("li", {}, label, ` ${name}`);
  const link = h("a", { href: `#/catalogue/${encodeURIComponent(name)}` }, titles.get(name) ?? name);
  if (!titles.has(name))
    get(`/items/${encodeURIComponent(name)}`).then(({ item }) => {
      titles.set(name, item.title);
      link.textContent = item.title;
    }).catch(() => {});
  return h("li", {}, label, " ", link);
}

async function ask(question) {
  const history = turns.filter((turn) => turn.content && !turn.failed).slice(-10).map(({ role, content }) => ({ role, content }));
  const turn = { role: "assistant", content: "", answer: null };
  turns.push({ role: "user", content: question }, turn);
  drawLog();
  try {
    const user = state.who === "known" && state.user ? { user_id: state.user } : {};
    await stream("/answer", { question, history, ...user }, (name, data) => {
      if (name === "delta") turn.content += data.text;
      if (name === "answer") Object.assign(turn, { content: data.text, answer: data });
      if (name === "problem") throw new Error(data.detail);
      drawLog();
    });
    announce(`${t("chat_shop")}: ${turn.content}`);
  } catch (error) {
    Object.assign(turn, { content: t("failed", { why: error.message }), failed: true });
  }
  drawLog();
}
