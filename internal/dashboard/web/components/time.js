// Times: how long ago, and the exact one on hover, in local time or UTC.
import { computed, html, signal, useComputed } from "./html.js";
import { zone } from "../settings.js";

/** The present, in milliseconds; it changes once a second while the page is visible. */
export const now = signal(Date.now());
setInterval(() => { if (!document.hidden) now.value = Date.now(); }, 1000);
document.addEventListener("visibilitychange", () => { now.value = Date.now(); });

/**
 * A span in words of at most two units, such as 3 m or 2 h 05 m.
 * @param {number} ms
 * @returns {string}
 */
export function span(ms) {
  const s = Math.floor(Math.abs(ms) / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${String(Math.floor(s / 60) % 60).padStart(2, "0")} m`;
  return s < 30 * 86_400 ? `${Math.floor(s / 86_400)} d ${Math.floor(s / 3600) % 24} h` : `${Math.floor(s / 86_400)} d`;
}

const formats = computed(() => {
  const timeZone = zone.value === "utc" ? "UTC" : undefined;
  /** @type {Intl.DateTimeFormatOptions} */
  const date = { year: "numeric", month: "2-digit", day: "2-digit" };
  /** @type {Intl.DateTimeFormatOptions} */
  const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return {
    date: new Intl.DateTimeFormat("sv-SE", { ...date, timeZone }), // year-month-day
    clock: new Intl.DateTimeFormat("sv-SE", { ...clock, timeZone }),
    zone: new Intl.DateTimeFormat("en-GB", { timeZone, timeZoneName: "short", hour: "2-digit" }),
  };
});

/**
 * The name of the zone in which a time is shown, such as UTC or GMT+1.
 * @param {Date} date
 */
export const zoneName = (date) => formats.value.zone.formatToParts(date).find((p) => p.type === "timeZoneName")?.value ?? "";

/**
 * A time of day, such as 10:30:07.
 * @param {string | number} at
 */
export function clock(at) {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? String(at) : formats.value.clock.format(date);
}

/**
 * Date, time and zone, such as 2026-03-02 10:30:07 UTC. What is no time is returned as it is.
 * @param {string | number} at
 */
export function exact(at) {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? String(at) : `${formats.value.date.format(date)} ${formats.value.clock.format(date)} ${zoneName(date)}`;
}

const today = computed(() => exact(now.value).slice(0, 10));

/**
 * The time of day; with the day, if that is not today, and the year, if it is another.
 * @param {string} at
 */
export function when(at) {
  const whole = exact(at);
  if (whole.slice(0, 10) === today.value) return clock(at);
  return whole.slice(0, 4) === today.value.slice(0, 4) ? whole.slice(5, 19) : whole.slice(0, 16);
}

/**
 * How long ago a time was or how soon it is.
 * @param {string | number} at
 */
export function relative(at) {
  const ms = new Date(at).getTime() - now.value;
  if (Number.isNaN(ms)) return String(at);
  if (Math.abs(ms) < 1000) return "now";
  return ms < 0 ? `${span(ms)} ago` : `in ${span(ms)}`;
}

/**
 * A time, relative unless exact is asked for. What is null is shown as a dash.
 * @param {{at: string | null | undefined, form?: "relative" | "age" | "clock" | "when" | "exact"}} props age: without "ago"
 */
export const Time = ({ at, form = "relative" }) => (at ? html`<${Moment} key=${at + form} at=${at} form=${form} />` : html`<span class="time">–</span>`);

/**
 * What alertd says, with each time in it as the person reads times.
 * @param {{text: string}} props
 */
export const Told = ({ text }) => text.split(/(\d{4}-\d\d-\d\dT[\d:.]+Z)/).map((part, n) => (n % 2 ? html`<${Time} at=${part} form="exact" />` : part));

/** @param {{at: string, form: string}} props They do not change: a new time has a new key. */
function Moment({ at, form }) {
  const text = useComputed(() => {
    if (form === "exact") return exact(at);
    if (form === "clock") return clock(at);
    if (form === "when") return when(at);
    return form === "age" ? relative(at).replace(/ ago$/, "") : relative(at);
  });
  const title = useComputed(() => (form === "exact" ? relative(at) : exact(at)));
  return html`<time class="time" datetime=${at} title=${title}>${text}</time>`;
}
