// The one place that fetches. Types come from api/openapi.yaml.
import { signal } from "./components/html.js";

/** @typedef {import("../types/api.js").paths} Paths */
/** @typedef {import("../types/api.js").components["schemas"]} Schemas */
/** @typedef {Schemas["FieldError"]} FieldError */

/** When alertd was heard last, by an answer or on the stream; milliseconds, 0: never. */
export const heard = signal(0);

/** Whether the last request failed for want of an answer. */
export const unreachable = signal(false);

/** What it says then. */
export const unreached = "alertd cannot be reached";

/** Why the session is over; null while it is not. */
export const ended = signal(/** @type {string | null} */ (null));

/** An answer of alertd that says no (RFC 9457), or none at all. */
export class ApiError extends Error {
  /**
   * @param {number} status 0: there was no answer
   * @param {string} detail
   * @param {FieldError[]} errors
   * @param {number} retryAfter seconds; 0: not said
   * @param {any} answer what alertd said, if it was JSON
   */
  constructor(status, detail, errors = [], retryAfter = 0, answer = {}) {
    super([detail, ...errors.map((e) => (e.field ? `${e.field} ${e.message}` : e.message))].join("; "));
    this.name = "ApiError";
    this.status = status;
    this.detail = detail;
    this.errors = errors;
    this.retryAfter = retryAfter;
    this.answer = answer;
  }

  /**
   * What is wrong with a field; "" if nothing.
   * @param {string} field
   */
  of(field) {
    return this.errors.filter((e) => e.field === field).map((e) => e.message).join("; ");
  }
}

/** @typedef {Record<string, string | number | boolean | readonly (string | number)[] | null | undefined>} Query */

/**
 * The address of a call. A parameter that is null, undefined or "" is left out; a list is repeated.
 * @param {string} path such as /incidents/{incident_id}
 * @param {Record<string, string>} [params] fill the path
 * @param {Query} [query]
 */
export function address(path, params = {}, query = {}) {
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(params[name]));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "") search.append(name, String(one));
  }
  const text = search.toString();
  return filled + (text ? "?" + text : "");
}

/**
 * Asks, and returns the answer once its header is there. It fails with an ApiError if alertd says
 * no or cannot be reached, and with the signal's reason if that was aborted.
 * @param {string} url
 * @param {RequestInit} init
 * @returns {Promise<Response>}
 */
export async function open(url, init = {}) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(url, { cache: "no-store", credentials: "same-origin", redirect: "error", ...init });
  } catch (error) {
    if (init.signal?.aborted && init.signal.reason?.name !== "TimeoutError") throw init.signal.reason;
    unreachable.value = true;
    throw new ApiError(0, init.signal?.aborted ? "alertd did not answer in time" : unreached);
  }
  heard.value = Date.now();
  unreachable.value = false;
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  const detail = problem.detail || `${response.status} ${response.statusText}`;
  if (response.status === 401) ended.value = /\bAuthorization\b/.test(detail) ? "You are signed out" : detail; // how a script says who it is helps nobody here
  throw new ApiError(response.status, detail, problem.errors, Number(response.headers.get("Retry-After")) || 0, problem);
}

const usual = 20_000; // ms

/**
 * @param {string} method
 * @param {string} path
 * @param {{params?: Record<string, string>, query?: Query, body?: unknown, text?: string, signal?: AbortSignal, patience?: number}} options text: a body that is JSON already
 */
function ask(method, path, { params, query, body, text = body === undefined ? undefined : JSON.stringify(body), signal: stop, patience = usual }) {
  const limit = AbortSignal.timeout(patience);
  return open(address(path, params, query), {
    method: method.toUpperCase(),
    headers: { Accept: "application/json", ...(text === undefined ? {} : { "Content-Type": "application/json" }) },
    body: text,
    signal: stop ? AbortSignal.any([stop, limit]) : limit,
  });
}

/**
 * @template {keyof Paths} P
 * @template {import("../types/helpers.js").Method<P>} M
 * @param {M} method
 * @param {P} path
 * @param {import("../types/helpers.js").Options<P, M>} options
 * @returns {Promise<import("../types/helpers.js").Answer<P, M>>}
 */
const call = async (method, path, options) => (await ask(method, path, /** @type {any} */ (options))).json();

/**
 * Reads, such as get("/incidents/{incident_id}", {params: {incident_id}}).
 * @template {import("../types/helpers.js").With<"get">} P
 * @param {P} path
 * @param {import("../types/helpers.js").Options<P, "get">} [options]
 */
export const get = (path, options) => call("get", path, /** @type {any} */ (options ?? {}));

/**
 * Does something.
 * @template {import("../types/helpers.js").With<"post">} P
 * @param {P} path
 * @param {import("../types/helpers.js").Options<P, "post">} [options]
 */
export const post = (path, options) => call("post", path, /** @type {any} */ (options ?? {}));

/**
 * Removes something.
 * @template {import("../types/helpers.js").With<"delete">} P
 * @param {P} path
 * @param {import("../types/helpers.js").Options<P, "delete">} [options]
 */
export const remove = (path, options) => call("delete", path, /** @type {any} */ (options ?? {}));

/**
 * Reads the text of an answer, in which numbers have all their digits.
 * @template {import("../types/helpers.js").With<"get">} P
 * @param {P} path
 * @param {import("../types/helpers.js").Options<P, "get">} [options]
 * @returns {Promise<string>}
 */
export const getText = async (path, options) => (await ask("get", path, /** @type {any} */ (options ?? {}))).text();

/**
 * Sends a body that is JSON already, as it is.
 * @template {import("../types/helpers.js").With<"post">} P
 * @param {P} path
 * @param {string} text
 * @returns {Promise<import("../types/helpers.js").Answer<P, "post">>}
 */
export const postText = async (path, text) => (await ask("post", path, { text })).json();
