// The events of the list: what is read from GET /events, and what comes on the stream, as one list
// by seq. Invariants: every event that matches and lies between the first row and the last is a row;
// none is there twice; there are at most `most` rows, and as many that wait.
import { effect, signal } from "../components/html.js";
import { ApiError, get } from "../api.js";
import { follow, resyncs, state } from "../live.js";
import { matcher } from "./filter.js";

/** @typedef {import("../live.js").AlertEvent} AlertEvent */
/** @typedef {Pick<AlertEvent, "event_id" | "seq" | "timestamp" | "severity" | "category" | "source" | "message">} Row without its context, which may be large */

/** How many rows are kept. */
export const most = 5000;
const page = 200;

/** @param {AlertEvent} event @returns {Row} */
const row = ({ event_id, seq, timestamp, severity, category, source, message }) => ({ event_id, seq, timestamp, severity, category, source, message: message.slice(0, 400) });

export class EventLog {
  /** The newest first. */
  rows = signal(/** @type {readonly Row[]} */ ([]));
  /** How many new ones wait. */
  waiting = signal(0);
  /** loading: nothing has been read yet; end: there is nothing older; full: the rows are as many as are kept. */
  state = signal(/** @type {"loading" | "more" | "end" | "full"} */ ("loading"));
  error = signal(/** @type {Error | null} */ (null));

  #hold = false;
  /** @type {Row[]} */
  #waiting = [];
  #top = 0; // the greatest seq that was seen
  /** @type {string | null} */
  #cursor = null;
  #read = false; // the first page
  #syncing = false;
  #wanted = false;
  #older = false; // older ones are being read
  #olderWanted = false;
  #firsts = 0; // how often the first page was read
  /** @type {AlertEvent[]} came while it was read what is new */
  #late = [];
  #stop = new AbortController();

  /** @param {ReturnType<typeof import("./filter.js").question>} question */
  constructor(question) {
    this.question = question;
    this.matches = matcher(question);
  }

  /** @returns {() => void} ends it */
  start() {
    const unfollow = follow((events) => this.#take(events));
    let known = resyncs.peek();
    let before = state.peek();
    const unwatch = effect(() => {
      // The stream may have begun after the first page was read.
      const begun = before === "connecting" && state.value === "live";
      before = state.value;
      if (resyncs.value !== known || begun) { known = resyncs.value; this.sync(); }
    });
    this.sync();
    return () => { unfollow(); unwatch(); this.#stop.abort(); };
  }

  /** Whether new events wait until they are asked for. @param {boolean} hold */
  hold(hold) {
    this.#hold = hold;
    if (!hold) this.show();
  }

  /** Shows what waits. */
  show() {
    if (!this.#waiting.length) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.waiting.value = 0;
    this.#put(waiting);
  }

  /** @param {AlertEvent[]} events */
  #take(events) {
    if (this.#syncing) this.#late.push(...events);
    else if (this.#read) this.#add(events.filter(this.matches).map(row).reverse());
  }

  /** @param {Row[]} rows the newest first */
  #add(rows) {
    const fresh = rows.filter((r) => r.seq > this.#top);
    if (!fresh.length) return;
    this.#top = fresh[0].seq;
    if (!this.#hold) return this.#put(fresh);
    this.#waiting = [...fresh, ...this.#waiting].slice(0, most);
    this.waiting.value += fresh.length;
  }

  /** @param {readonly Row[]} fresh */
  #put(fresh) {
    const rows = [...fresh, ...this.rows.peek()];
    if (rows.length > most) {
      rows.length = most;
      this.state.value = "full";
    }
    this.rows.value = rows;
  }

  /** Reads what is new: the first page, or what came while there was no stream. Tries again until it succeeds or is refused. */
  async sync() {
    if (this.#syncing) { this.#wanted = true; return; }
    this.#syncing = true;
    for (;;) {
      this.#late = []; // what came before is in the answer
      this.#wanted = false;
      try {
        await (this.#read ? this.#catchUp() : this.#first());
        this.error.value = null;
        if (!this.#wanted) break;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.error.value = /** @type {Error} */ (error);
        if (!(error instanceof ApiError) || (error.status >= 400 && error.status < 500 && error.status !== 429)) break;
        const wait = Math.max(error.retryAfter * 1000, 3000);
        await new Promise((resolve) => setTimeout(resolve, wait));
        if (this.#stop.signal.aborted) return;
      }
    }
    this.#syncing = false;
    this.#take(this.#late);
    this.#late = [];
    if (this.#olderWanted) this.older();
  }

  /** @param {number} limit @param {string | null} [cursor] */
  #ask(limit, cursor) {
    return get("/events", { query: { ...this.question, limit, cursor: cursor ?? undefined }, signal: this.#stop.signal });
  }

  async #first() {
    const { events, next_cursor } = await this.#ask(page);
    this.#firsts++;
    this.#waiting = [];
    this.waiting.value = 0;
    this.#top = events[0]?.seq ?? 0;
    this.#cursor = next_cursor;
    this.#read = true;
    this.rows.value = events.map(row);
    this.state.value = next_cursor ? "more" : "end";
  }

  async #catchUp() {
    /** @type {Row[]} */
    const missed = [];
    /** @type {string | null} */
    let cursor = null;
    do {
      const { events, next_cursor } = await this.#ask(1000, cursor);
      if (!cursor && (events[0]?.seq ?? 0) < this.#top) break; // it is another log, or retention has come so far
      missed.push(...events.filter((e) => e.seq > this.#top).map(row));
      if (events.some((e) => e.seq <= this.#top) || !next_cursor) return this.#add(missed);
      cursor = next_cursor;
    } while (missed.length < most);
    await this.#first(); // it is too much to fill the gap
  }

  /** Reads older events. */
  async older() {
    if (this.#older || this.state.peek() !== "more") return;
    this.#olderWanted = this.#syncing;
    if (this.#syncing) return;
    this.#older = true;
    const firsts = this.#firsts;
    try {
      const { events, next_cursor } = await this.#ask(page, this.#cursor);
      this.error.value = null;
      if (this.state.peek() !== "more") return; // new events have taken the room
      if (firsts !== this.#firsts) return; // they are older than what is no longer shown
      const rows = [...this.rows.peek(), ...events.map(row)];
      this.#cursor = next_cursor;
      this.state.value = !next_cursor ? "end" : rows.length >= most ? "full" : "more";
      this.rows.value = rows;
    } catch (error) {
      if (!this.#stop.signal.aborted) this.error.value = /** @type {Error} */ (error);
    } finally {
      this.#older = false;
    }
  }
}
