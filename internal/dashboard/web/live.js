// The one stream: every event as it is registered. It is read with fetch rather than by an
// EventSource, which shows neither heartbeats nor why a connection was refused.
import { effect, signal } from "./components/html.js";
import { ApiError, ended, get, heard, open } from "./api.js";

/** @typedef {import("./api.js").Schemas["Event"]} AlertEvent */

/**
 * How the stream is: connecting for the first time; live; away: broken, it tries again; paused: the
 * page is hidden; refused: it may not be read.
 * @typedef {"connecting" | "live" | "away" | "paused" | "refused"} State
 */
export const state = signal(/** @type {State} */ ("connecting"));

/** Why it is not live, in words. */
export const why = signal("");

/** Counts the times after which everything must be read anew: what was missed cannot be told from events. */
export const resyncs = signal(0);

/** Whether the stream goes on while the page is hidden. */
export const keepHidden = signal(false);

/** @type {Set<(events: AlertEvent[]) => void>} */
const listeners = new Set();

/**
 * Calls a function with new events, the oldest first, at most five times a second.
 * @param {(events: AlertEvent[]) => void} listener
 * @returns {() => void} ends that
 */
export function follow(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** @type {Set<() => void>} */
const watchers = new Set();

const between = 2000; // ms between two calls of a watcher

/**
 * Calls a function after a change that no event tells of, such as an acknowledgement by somebody
 * else. Not at once, as all dashboards hear of it at the same time, and at most every two seconds.
 * @param {() => void} watcher
 * @returns {() => void} ends that
 */
export function onChange(watcher) {
  let soon = 0;
  let called = 0;
  const call = () => {
    soon = 0;
    called = Date.now();
    watcher();
  };
  const hear = () => { soon ||= setTimeout(call, Math.max(Math.random() * 500, called + between - Date.now())); };
  watchers.add(hear);
  return () => { watchers.delete(hear); clearTimeout(soon); };
}

const pace = 200; // ms between two calls of the listeners
const most = 2000; // events that wait for one
const silence = 45_000; // ms without a word, not even a heartbeat, after which a connection is dead
const hiddenFor = 3_000; // ms after which a hidden page leaves the stream: over HTTP/1.1 a browser has six connections for all its tabs

/** @type {AlertEvent[]} */
let waiting = [];
let timer = 0;
/** @type {string | null} */
let last = null;
let lost = false;

function tell() {
  timer = 0;
  const events = waiting;
  waiting = [];
  for (const listener of listeners) listener(events);
  if (lost) {
    lost = false;
    resyncs.value++;
  }
}

/** @param {AlertEvent} event */
function take(event) {
  waiting.push(event);
  if (waiting.length > most) {
    waiting.shift();
    lost = true;
  }
  timer ||= setTimeout(tell, pace);
}

/**
 * Handles one message of the stream (WHATWG HTML, section 9.2). alertd puts all data on one line.
 * @param {string} text
 */
function message(text) {
  let kind = "message";
  let data = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("id: ")) last = line.slice(4);
    else if (line.startsWith("event: ")) kind = line.slice(7);
    else if (line.startsWith("data: ")) data = line.slice(6);
  }
  if (!data) return;
  const content = JSON.parse(data);
  if (kind === "alert") take(content);
  else if (kind === "changed") watchers.forEach((hear) => hear());
  else if (kind === "gap") resyncs.value++;
  else if (kind === "revoked") ended.value = content.reason;
  else if (kind === "shutdown" || kind === "dropped") why.value = content.reason;
}

/**
 * Reads the stream until it ends.
 * @param {AbortController} stop
 */
async function read(stop) {
  /** @type {ReturnType<typeof setTimeout>} */
  let watch = setTimeout(() => stop.abort(), silence);
  try {
    if (last === null) { // from here on nothing is missed, whenever a page reads the rest
      const { events } = await get("/events", { query: { limit: 1 }, signal: stop.signal });
      last = String(events[0]?.seq ?? 0);
    }
    const headers = { Accept: "text/event-stream", "Last-Event-ID": last };
    const ask = (/** @type {string} */ query) => open("/events/stream" + query, { headers, signal: stop.signal });
    const response = await ask("?changes=true").catch((error) => {
      if (error instanceof ApiError && error.status === 400) return ask(""); // an older replica does not know that
      throw error;
    });
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
    const decoder = new TextDecoder();
    let rest = "";
    const again = state.value !== "connecting";
    state.value = "live";
    why.value = "";
    if (again) resyncs.value++;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard.value = Date.now();
      clearTimeout(watch);
      watch = setTimeout(() => stop.abort(), silence);
      const messages = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = /** @type {string} */ (messages.pop());
      messages.forEach(message);
    }
  } finally {
    clearTimeout(watch);
  }
}

/** Ends the pause before the next try to connect. */
export let hurry = () => {};

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => {
  const end = () => {
    clearTimeout(wait);
    removeEventListener("online", end);
    resolve(undefined);
  };
  const wait = setTimeout(end, ms);
  addEventListener("online", end);
  hurry = end;
});

const idle = () => !keepHidden.value && document.hidden;

/** Waits until the page is shown, or goes on while it is hidden. */
const wanted = () => new Promise((resolve) => {
  const look = () => {
    if (idle()) return;
    document.removeEventListener("visibilitychange", look);
    queueMicrotask(() => end());
    resolve(undefined);
  };
  document.addEventListener("visibilitychange", look);
  const end = effect(look);
});

/** Keeps the stream open for as long as the page is there. */
export async function startLive() {
  /** @type {AbortController | null} */
  let current = null;
  let hidden = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hidden);
    if (document.hidden) hidden = setTimeout(() => { if (idle()) current?.abort(); }, hiddenFor);
  });
  effect(() => { if (idle() || ended.value) current?.abort(); }); // it no longer goes on while it is hidden
  for (let failures = 0; ; failures++) {
    if (idle()) { // also a tab that was opened in the background
      state.value = "paused";
      await wanted();
      failures = 0;
    }
    const began = Date.now();
    current = new AbortController();
    try {
      await read(current);
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
        state.value = "refused";
        why.value = error.message;
        return;
      }
      if (error instanceof ApiError) why.value = error.message;
    }
    if (idle()) continue;
    if (state.value === "live" && Date.now() - began > 10_000) failures = 0;
    state.value = ended.value ? "refused" : "away";
    if (ended.value) return;
    await pause(Math.min(15_000, 500 * 2 ** failures) * (0.5 + Math.random() / 2));
  }
}
