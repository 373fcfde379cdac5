// Who is looked at, what is left out of their history, and what their list should be like. Views read it and change it.

export const state = {
  who: "known", // "known": user and without; "someone": text and history
  user: null,
  without: [],
  text: "",
  history: [], // {item_id, title}
  rules: { diversity: 0, price_max: null, explore: 0 },
  basket: [], // {item_id, title}
  card: null,
};

export function body() {
  if (state.who === "known") return { user_id: state.user, ...(state.without.length ? { without: state.without } : {}) };
  const ids = state.history.map((item) => item.item_id);
  return { ...(ids.length ? { history: ids } : {}), ...(state.text ? { text: state.text } : {}) };
}

export function rules() {
  const { diversity, price_max, explore } = state.rules;
  const asked = { ...(diversity ? { diversity } : {}), ...(explore ? { explore } : {}), ...(price_max === null ? {} : { price_max }) };
  return Object.keys(asked).length ? asked : null;
}

export function toBasket(item) {
  if (!state.basket.some((one) => one.item_id === item.item_id)) state.basket.push(item);
}

export const isSomebody = () => (state.who === "known" ? state.user !== null : state.text !== "" || state.history.length > 0);

// Tell the view that shows them: "shopper" (somebody else, or described anew) or "history" (something left out or put back).
export const changed = (what) => document.dispatchEvent(new CustomEvent(what));
