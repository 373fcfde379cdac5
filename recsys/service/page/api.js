// The service's endpoints, with a key where the server wants one; it stays in this tab.
import { askForKey } from "./key.js";

const KEY = "recsys-key";

export class Problem extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function send(path, body, signal) {
  const key = sessionStorage.getItem(KEY);
  const headers = {
    ...(body ? { "Content-Type": body instanceof Blob ? body.type : "application/json" } : {}),
    ...(key ? { Authorization: `Bearer ${key}` } : {}),
  };
  const response = await fetch(path, {
    method: body ? "POST" : "GET",
    headers,
    body: body && !(body instanceof Blob) ? JSON.stringify(body) : body,
    signal,
  });
  if (response.status === 401) {
    const given = await askForKey(key !== null);
    if (given === null) throw new Problem(401, "key");
    sessionStorage.setItem(KEY, given);
    return send(path, body, signal);
  }
  if (!response.ok) {
    const told = await response.json().catch(() => ({}));
    throw new Problem(response.status, told.detail || response.statusText);
  }
  return response;
}

export async function get(path, query = {}, signal) {
  const given = new URLSearchParams(query).toString();
  return (await send(given ? `${path}?${given}` : path, undefined, signal)).json();
}

export async function post(path, body, signal) {
  return (await send(path, body, signal)).json();
}

// Server-sent events of an answer: `hear(name, data)` for each, as it comes.
export async function stream(path, body, hear) {
  const response = await send(path, { ...body, stream: true });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { done, value } = await reader.read();
    waiting += done ? "\n\n" : value;
    const events = waiting.split(/\r?\n\r?\n/);
    waiting = events.pop();
    for (const event of events) {
      const lines = event.split(/\r?\n/);
      const name = lines.find((line) => line.startsWith("event:"))?.slice(6).trim();
      const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim());
      if (name && data.length) hear(name, JSON.parse(data.join("\n")));
    }
    if (done) return;
  }
}
