// Speech: a recording becomes words in the question's field, for the person to see and correct; answers can be read aloud.
import { post } from "./api.js";
import { announce, h, s } from "./dom.js";
import { speaks, t } from "./words.js";

const RATE = 16000;
const LONGEST = 30000; // milliseconds
let recording = null; // {stop}: there is one microphone

export const hears = () => Boolean(navigator.mediaDevices?.getUserMedia && window.MediaRecorder);

// A button that records; what it hears is given to `heard`, what goes wrong to `failed`.
export function microphone(heard, failed) {
  const button = h("button", { type: "button", class: "quiet icon microphone", "aria-pressed": "false" }, icon());
  const name = (key) => {
    button.setAttribute("aria-label", t(key));
    button.title = t(key);
  };
  name("voice_speak");
  button.addEventListener("click", async () => {
    if (recording) return recording.stop();
    try {
      const sound = await record(() => {
        button.setAttribute("aria-pressed", "true");
        name("voice_stop");
        announce(t("voice_listening"));
      });
      button.disabled = true;
      name("voice_wait");
      const { text } = await post(`/transcribe?language=${speaks()}`, sound);
      text ? heard(text) : failed(t("voice_nothing"));
    } catch (error) {
      failed(error.name === "NotAllowedError" || error.name === "NotFoundError" ? t("voice_no_microphone") : t("failed", { why: error.message }));
    } finally {
      button.disabled = false;
      button.setAttribute("aria-pressed", "false");
      name("voice_speak");
    }
  });
  return button;
}

async function record(began) {
  const heard = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, noiseSuppression: true } });
  const recorder = new MediaRecorder(heard);
  const pieces = [];
  recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
  const ended = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
  recording = { stop: () => recorder.state === "recording" && recorder.stop() };
  const longest = setTimeout(recording.stop, LONGEST);
  try {
    recorder.start();
    began();
    await ended;
  } finally {
    clearTimeout(longest);
    recording = null;
    for (const track of heard.getTracks()) track.stop();
  }
  return wav(await samples(new Blob(pieces, { type: recorder.mimeType })));
}

// Whatever container the browser records in, as samples at the rate that speech models read.
async function samples(blob) {
  const context = new OfflineAudioContext(1, 1, RATE);
  const sound = await context.decodeAudioData(await blob.arrayBuffer()); // resampled to the context's rate
  return sound.getChannelData(0);
}

function wav(sound) {
  const file = new DataView(new ArrayBuffer(44 + 2 * sound.length));
  const text = (at, word) => [...word].forEach((letter, i) => file.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  file.setUint32(4, 36 + 2 * sound.length, true);
  text(8, "WAVEfmt ");
  file.setUint32(16, 16, true);
  file.setUint16(20, 1, true); // PCM
  file.setUint16(22, 1, true); // one channel
  file.setUint32(24, RATE, true);
  file.setUint32(28, 2 * RATE, true);
  file.setUint16(32, 2, true);
  file.setUint16(34, 16, true);
  text(36, "data");
  file.setUint32(40, 2 * sound.length, true);
  sound.forEach((value, i) => file.setInt16(44 + 2 * i, Math.max(-1, Math.min(1, value)) * 32767, true));
  return new Blob([file], { type: "audio/wav" });
}

const icon = () => s("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" },
  s("path", { d: "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM6 11a6 6 0 0 0 12 0M12 17v4" }));

export const talks = () => "speechSynthesis" in window;

// A button that reads a text aloud with the browser's own voice, and stops when it is pressed again.
export function readAloud(text) {
  const button = h("button", { type: "button", class: "quiet aloud", "aria-pressed": "false" }, t("voice_aloud"));
  button.addEventListener("click", () => {
    const wasReading = button.getAttribute("aria-pressed") === "true";
    speechSynthesis.cancel();
    if (wasReading) return;
    const said = new SpeechSynthesisUtterance(text);
    said.lang = /[\u4e00-\u9fff]/.test(text) ? "zh-CN" : "en";
    said.onend = said.onerror = () => button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-pressed", "true");
    speechSynthesis.speak(said);
  });
  return button;
}
