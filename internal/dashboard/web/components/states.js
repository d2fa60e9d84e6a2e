// What a page shows while it loads, if it has nothing, and if something went wrong.
import { html } from "./html.js";
import { ApiError, unreachable } from "../api.js";
import { Time } from "./time.js";

/** @typedef {import("./html.js").Children} Children */

/** @param {{rows?: number}} props */
export const Loading = ({ rows = 3 }) => html`
  <div class="loading" role="status" aria-label="Loading">${Array.from({ length: rows }, () => html`<div class="bone"></div>`)}</div>`;

/**
 * There is nothing, and what to do about it.
 * @param {{title: string, children?: Children}} props
 */
export const Empty = ({ title, children }) => html`<div class="empty"><p class="empty-title">${title}</p>${children}</div>`;

/** @param {Error} error */
function advice(error) {
  if (!(error instanceof ApiError)) return "This is a fault of the page. Load it again; if that does not help, report it with the text above.";
  if (error.status === 0) return "Is alertd running, and is the network there? This page tries again by itself.";
  if (error.status === 401) return "Sign in again.";
  if (error.status === 403) return "Ask an administrator of alertd for a role that may do this.";
  if (error.status === 404) return "It may have been removed by retention, or the address is wrong.";
  if (error.status === 429) return `Too many requests. ${error.retryAfter ? `Wait ${error.retryAfter} s.` : "Wait a moment."}`;
  if (error.status === 503) return "alertd cannot use its database now. This page tries again by itself; /readyz says what is wrong.";
  return "";
}

/**
 * What went wrong, and what to do.
 * @param {{error: Error, retry?: () => void}} props
 */
export const Failure = ({ error, retry }) => html`
  <div class="failure" role="alert"><p><strong>${error.message}</strong></p><p>${advice(error)}</p>
    ${retry && html`<button type="button" onClick=${retry}>Try again</button>`}</div>`;

/**
 * A resource in all its states: what is there is drawn, also if it is old, which is then said. That
 * alertd cannot be reached is said of the whole page.
 * @template T
 * @param {{of: import("../resource.js").Resource<T>, rows?: number, children: (data: T) => Children}} props
 */
export function Loaded({ of, rows, children }) {
  if (of.data === undefined) return of.error ? html`<${Failure} error=${of.error} retry=${of.reload} />` : html`<${Loading} rows=${rows} />`;
  return html`${of.error && !unreachable.value && html`<div class="stale" role="status">What you see was read <${Time} at=${new Date(of.at).toISOString()} />: ${of.error.message}. <button type="button" onClick=${of.reload}>Try again</button></div>`}
    ${children(of.data)}`;
}
