// Copying.
import { html } from "./html.js";
import { say } from "./toast.js";

/**
 * @param {string} text
 * @param {string} what such as "The event as JSON"
 */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} was copied.`);
  } catch { // without TLS browsers offer only this
    const area = document.createElement("textarea");
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (done) say(`${what} was copied.`);
    else say(`${what} could not be copied: the browser does not allow it.`, "bad");
  }
}

/**
 * A button that copies.
 * @param {{text: () => string, what: string, children: import("./html.js").Children}} props
 */
export const Copy = ({ text, what, children }) => html`<button type="button" class="quiet" onClick=${() => copy(text(), what)}>${children}</button>`;

/**
 * Quotes a text for a POSIX shell.
 * @param {string} text
 */
export const quoted = (text) => "'" + text.replaceAll("'", `'\\''`) + "'";
