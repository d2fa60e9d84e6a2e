// The incidents of a list: read page by page, kept in order, and refreshed where the person looks.
import { get } from "../api.js";

/** @typedef {import("../api.js").Schemas["Incident"]} Incident */
/** @typedef {NonNullable<import("../../types/helpers.js").Options<"/incidents", "get">["query"]>} Query */
/** @typedef {{incidents: Incident[], next_cursor: string | null}} Page */

const first = 200; // incidents of the first page, which is read again and again
const chunk = 500; // of each that follows
/** How many incidents a list holds at most. */
export const most = 10_000;

export class Rows {
  /** What is shown, in order. It is replaced, never changed. @type {Incident[]} */
  list = [];
  /** Whether the first page was read. */
  known = false;
  /** New ones that are not shown yet, by id. @type {Map<string, Incident>} */
  waiting = new Map();
  /** Ids of what is shown and no longer belongs here. @type {Set<string>} */
  left = new Set();
  /** What leads to the next page; null at the end. @type {string | null} */
  #next = null;
  /** Where pages begin: behind the incident with a rank. @type {{cursor: string, after: number}[]} */
  #starts = [];
  #underWay = false;
  #dropped = false;

  /** @param {Query} query */
  constructor(query) {
    this.query = query;
  }

  /** The place of an incident in the order: smaller is further up. @param {Incident} i */
  #rank(i) {
    return this.query.order === "asc" ? i.number : -i.number;
  }

  get more() {
    return this.#next !== null && !this.cut;
  }

  /** Whether there are more than a list may hold. */
  get cut() {
    return this.#dropped || (this.#next !== null && this.list.length >= most);
  }

  /**
   * @param {string | undefined} cursor
   * @param {AbortSignal} [signal]
   * @returns {Promise<Page>}
   */
  #read(cursor, signal) {
    return get("/incidents", { query: { ...this.query, limit: cursor ? chunk : first, cursor }, signal });
  }

  /**
   * Reads the first page and the pages around two numbers of incidents anew.
   * @param {{seen: Incident[], hold: () => boolean, signal?: AbortSignal}} options seen: what is in view; hold: whether what is shown must stay where it is
   */
  async refresh({ seen, hold, signal }) {
    const head = await this.#read(undefined, signal);
    const after = this.#take(head, -Infinity, hold());
    if (!this.known) {
      this.#next = head.next_cursor;
      this.known = true;
    }
    const starts = [...this.#starts];
    if (head.next_cursor !== null) starts.push({ cursor: head.next_cursor, after });
    const wanted = new Set(seen.map((i) => this.#rank(i)).filter((rank) => rank > after)
      .map((rank) => starts.filter((s) => s.after < rank).reduce((a, b) => (a.after > b.after ? a : b))));
    // Upwards, what is new comes at the end.
    const end = this.#starts.at(-1);
    if (this.query.order === "asc" && this.#next === null && end) wanted.add(end);
    for (const start of wanted) this.#take(await this.#read(start.cursor, signal), start.after, hold());
  }

  /** Reads the next page. */
  async extend() {
    const cursor = this.#next;
    if (!this.more || cursor === null || this.#underWay) return;
    this.#underWay = true;
    try {
      const after = this.list.length ? this.#rank(/** @type {Incident} */ (this.list.at(-1))) : -Infinity;
      const page = await this.#read(cursor);
      if (!this.#starts.some((s) => s.cursor === cursor)) this.#starts.push({ cursor, after });
      this.#take(page, after, true);
      this.#next = page.next_cursor;
    } finally {
      this.#underWay = false;
    }
  }

  /**
   * Takes over a page: all incidents behind a rank, up to its last.
   * @param {Page} page
   * @param {number} after
   * @param {boolean} hold
   * @returns {number} the rank of its last
   */
  #take(page, after, hold) {
    const last = page.incidents.at(-1);
    const to = page.next_cursor === null || !last ? Infinity : this.#rank(last);
    const fresh = new Map(page.incidents.map((i) => [i.incident_id, i]));
    /** @type {Incident[]} */
    const list = [];
    for (const shown of this.list) {
      const now = fresh.get(shown.incident_id);
      const covered = this.#rank(shown) > after && this.#rank(shown) <= to;
      if (now) this.left.delete(shown.incident_id);
      else if (covered && hold) this.left.add(shown.incident_id);
      else if (covered) continue;
      list.push(now ?? shown);
      fresh.delete(shown.incident_id);
    }
    for (const [id, i] of this.waiting) if (!fresh.has(id) && this.#rank(i) > after && this.#rank(i) <= to) this.waiting.delete(id);
    const shownTo = list.length ? this.#rank(/** @type {Incident} */ (list.at(-1))) : -Infinity;
    for (const i of fresh.values()) {
      if (hold && this.#rank(i) < shownTo) {
        this.waiting.set(i.incident_id, i);
        continue;
      }
      this.waiting.delete(i.incident_id);
      list.push(i);
    }
    this.#show(list);
    if (this.known && page.next_cursor !== null && last && to >= shownTo) this.#next = page.next_cursor;
    return to;
  }

  /** @param {Incident[]} list */
  #show(list) {
    this.list = list.sort((a, b) => this.#rank(a) - this.#rank(b));
    if (list.length > most) {
      this.list = list.slice(0, most);
      this.#dropped = true;
    }
  }

  /** Shows what waits, and no longer what does not belong here. */
  settle() {
    if (this.waiting.size + this.left.size === 0) return;
    this.#show([...this.list.filter((i) => !this.left.has(i.incident_id)), ...this.waiting.values()]);
    this.waiting.clear();
    this.left.clear();
  }

  /**
   * Changes what is shown of some incidents until they are read again.
   * @param {string[]} ids
   * @param {Partial<Incident>} change
   */
  patch(ids, change) {
    const set = new Set(ids);
    this.list = this.list.map((i) => (set.has(i.incident_id) ? { ...i, ...change } : i));
  }
}

/**
 * The list that was shown last, so that the way back leads to the same place.
 * @typedef {{url: string, rows: Rows, top: number, cursor: string | null}} Kept
 */
let kept = /** @type {Kept | null} */ (null);

/** @param {string} url */
export const recall = (url) => (kept?.url === url ? kept : null);

/** @param {Kept} list */
export const keep = (list) => { kept = list; };

/** The address of the list that was shown last. */
export const listAddress = () => kept?.url ?? "/incidents";

/**
 * The incident before or after another in the list that was shown last.
 * @param {string} id
 * @param {1 | -1} step
 */
export function neighbour(id, step) {
  const at = kept?.rows.list.findIndex((i) => i.incident_id === id) ?? -1;
  return at < 0 ? undefined : kept?.rows.list[at + step];
}
