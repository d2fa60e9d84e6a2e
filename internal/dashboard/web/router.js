// The address: what it asks for, and how it changes without loading the page anew.
import { signal } from "./components/html.js";

/** @typedef {{path: string, query: URLSearchParams}} Place */

/** @returns {Place} */
const read = () => ({ path: location.pathname, query: new URLSearchParams(location.search) });

/** Where the page is. */
export const place = signal(read());

/**
 * Goes to another address of the dashboard.
 * @param {string} url
 * @param {{replace?: boolean}} [options] replace: the back button leads past the present one
 */
export function go(url, { replace = false } = {}) {
  const before = place.value.path;
  history[replace ? "replaceState" : "pushState"](null, "", url);
  place.value = read();
  if (place.value.path !== before) scrollTo(0, 0);
}

/**
 * The present address with some parameters changed. null, "" and an empty list remove one.
 * @param {Record<string, string | string[] | null>} changes
 * @returns {string}
 */
export function withQuery(changes) {
  const query = new URLSearchParams(place.value.query);
  for (const [name, value] of Object.entries(changes)) {
    query.delete(name);
    for (const one of [value].flat()) if (one) query.append(name, one);
  }
  const text = query.toString();
  return place.value.path + (text ? "?" + text : "");
}

/**
 * The parameters that a path gives a pattern such as /incidents/:id; null if it does not fit.
 * @param {string} pattern
 * @param {string} path
 * @returns {Record<string, string> | null}
 */
export function match(pattern, path) {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return null;
  /** @type {Record<string, string>} */
  const params = {};
  for (const [i, part] of wanted.entries()) {
    if (!part.startsWith(":")) {
      if (part !== given[i]) return null;
      continue;
    }
    try {
      params[part.slice(1)] = decodeURIComponent(given[i]);
    } catch {
      return null;
    }
  }
  return params;
}

/**
 * Follows changes of the address, and makes links to pages stay in the dashboard.
 * @param {(path: string) => boolean} isPage
 */
export function startRouter(isPage) {
  addEventListener("popstate", () => { place.value = read(); });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin || !isPage(link.pathname)) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}
