// Words, numbers and dates in the reader's language.
import { en } from "./i18n/en.js";
import { zh } from "./i18n/zh.js";

const LANGUAGES = { en, zh };
let language = localStorage.getItem("recsys-language") || (navigator.language.startsWith("zh") ? "zh" : "en");

export const speaks = () => language;

export function speak(wanted) {
  language = wanted;
  localStorage.setItem("recsys-language", wanted);
}

export function t(key, given = {}) {
  const text = LANGUAGES[language][key] ?? en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => given[name] ?? "");
}

// A block's name and meaning; a shop's own block has only those it brings along.
export const blockName = (name) => LANGUAGES[language].blocks?.[name]?.[0] ?? name;
export const blockMeaning = (name, meaning) => LANGUAGES[language].blocks?.[name]?.[1] ?? meaning;

const locale = () => (language === "zh" ? "zh-CN" : "en-GB");
export const number = (value, digits = 0) =>
  new Intl.NumberFormat(locale(), { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
export const percent = (value) =>
  new Intl.NumberFormat(locale(), { style: "percent", maximumSignificantDigits: 2 }).format(value);
export const signed = (value) =>
  new Intl.NumberFormat(locale(), { signDisplay: "always", minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(value);
export const day = (seconds) =>
  new Intl.DateTimeFormat(locale(), { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }).format(new Date(seconds * 1000));
export const moment = (text) =>
  new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(text));
