// JSON as text. JSON.parse would change numbers of more than 15 digits, so what is shown and copied
// is what alertd wrote.
import { html } from "./html.js";

/**
 * Finds the tokens of a text that is JSON.
 * @param {string} text
 * @returns {Generator<[start: number, end: number]>}
 */
function* tokens(text) {
  for (let i = 0; i < text.length;) {
    const start = i;
    if (text[i] === '"') {
      for (i++; text[i] !== '"' && i < text.length; i++) if (text[i] === "\\") i++;
      i++;
    } else if ("{}[],:".includes(text[i])) i++;
    else if (" \t\r\n".includes(text[i])) { i++; continue; }
    else while (i < text.length && !'{}[],:" \t\r\n'.includes(text[i])) i++;
    yield [start, i];
  }
}

/**
 * The members of an object, each as its text.
 * @param {string} text a JSON object
 * @returns {Map<string, string>}
 */
export function members(text) {
  const found = new Map();
  let depth = 0;
  let name = "";
  let from = -1; // where the member's value begins
  for (const [start, end] of tokens(text)) {
    const token = text[start];
    if (token === "}" || token === "]") depth--;
    if (from >= 0 && (depth === 0 || (depth === 1 && token === ","))) {
      found.set(name, text.slice(from, start).trim());
      from = -1;
    } else if (depth === 1 && from < 0) {
      if (token === '"') name = JSON.parse(text.slice(start, end));
      else if (token === ":") from = end;
    }
    if (token === "{" || token === "[") depth++;
  }
  return found;
}

/**
 * The elements of a list, each as its text.
 * @param {string} text a JSON list
 * @returns {string[]}
 */
export function elements(text) {
  const found = [];
  let depth = 0;
  let from = -1; // where the element begins
  for (const [start] of tokens(text)) {
    const token = text[start];
    if (token === "}" || token === "]") depth--;
    if (from >= 0 && (depth === 0 || (depth === 1 && token === ","))) {
      found.push(text.slice(from, start).trim());
      from = -1;
    } else if (depth === 1 && from < 0) from = start;
    if (token === "{" || token === "[") depth++;
  }
  return found;
}

/**
 * An object of JSON, of members that are texts.
 * @param {Map<string, string>} parts
 */
export const ofMembers = (parts) => pretty(`{${[...parts].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join()}}`);

/**
 * The same JSON, indented by two.
 * @param {string} text
 */
export function pretty(text) {
  let out = "";
  let depth = 0;
  let last = "";
  const line = () => "\n" + "  ".repeat(depth);
  for (const [start, end] of tokens(text)) {
    const token = text.slice(start, end);
    const closes = token === "}" || token === "]";
    if (closes) depth--;
    if (closes ? last !== "{" && last !== "[" : last === "{" || last === "[" || last === ",") out += line();
    out += token === ":" ? ": " : token;
    if (token === "{" || token === "[") depth++;
    last = token;
  }
  return out;
}

const most = 50_000; // characters of one text that the page draws

/**
 * JSON, indented, with every digit.
 * @param {{text: string, label: string}} props
 */
export function JsonText({ text, label }) {
  const all = pretty(text);
  return html`<pre class="json" tabindex="0" role="region" aria-label=${label}>${all.slice(0, most)}</pre>
    ${all.length > most && html`<p class="hint">These are the first ${most.toLocaleString("en")} of ${all.length.toLocaleString("en")} characters. Copy it to see all.</p>`}`;
}
