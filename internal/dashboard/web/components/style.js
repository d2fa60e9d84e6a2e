// The style sheet of a page, loaded when the page is.

/** @type {Map<string, Promise<void>>} */
const loaded = new Map();

/**
 * Loads a style sheet once, and waits until it applies.
 * @param {string} url such as new URL("./events.css", import.meta.url).href
 * @returns {Promise<void>}
 */
export function style(url) {
  let ready = loaded.get(url);
  if (!ready) {
    ready = new Promise((resolve) => {
      const link = document.createElement("link");
      link.rel = "stylesheet";
      link.href = url;
      link.onload = link.onerror = () => resolve();
      document.head.append(link);
    });
    loaded.set(url, ready);
  }
  return ready;
}
