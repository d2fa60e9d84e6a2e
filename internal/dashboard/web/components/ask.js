// Questions to the person, each answered before what asked goes on.
import { html, render, useState } from "./html.js";
import { Dialog, Field } from "./dialog.js";
import { me } from "../session.js";
import { name } from "../settings.js";

/**
 * Shows a dialog until it is done. Leaving it by Escape or the cross must call done without an answer.
 * @template T
 * @param {(done: (answer?: T) => void) => import("./html.js").Children} draw
 * @returns {Promise<T | undefined>} undefined: the person wants nothing of it
 */
export function ask(draw) {
  return new Promise((resolve) => {
    const host = document.createElement("div");
    document.body.append(host);
    render(draw((answer) => {
      render(null, host);
      host.remove();
      resolve(answer);
    }), host);
  });
}

/** @param {{done: (name?: string) => void}} props */
function NameDialog({ done }) {
  const [text, setText] = useState("");
  const [error, setError] = useState("");
  return html`
    <${Dialog} title="Who are you?" onClose=${() => done()}>
      <form onSubmit=${(/** @type {Event} */ e) => { e.preventDefault(); if (text.trim()) done(text.trim()); else setError("must not be empty"); }}>
        <p>Nobody is configured, so alertd cannot tell who acts. This browser keeps the name.</p>
        <${Field} label="Your name" error=${error}>${(/** @type {object} */ field) => html`<input ...${field} data-first autocomplete="name" maxlength="255" value=${text} onInput=${(/** @type {any} */ e) => setText(e.target.value)} />`}</${Field}>
        <div class="buttons"><button class="primary">Continue</button><button type="button" onClick=${() => done()}>Cancel</button></div>
      </form>
    </${Dialog}>`;
}

/**
 * Who acts, as the calls of the API want it: nobody needs to be named where alertd knows it itself.
 * Where it does not, the person is asked once.
 * @returns {Promise<{by?: string} | undefined>} undefined: the person does not say
 */
export async function actor() {
  if (!me.value?.open) return {};
  if (!name.value.trim()) name.value = await ask((done) => html`<${NameDialog} done=${done} />`) ?? "";
  return name.value.trim() ? { by: name.value.trim() } : undefined;
}

/**
 * @param {{title: string, act: string, label: string, limit: number, children?: import("./html.js").Children, done: (text?: string) => void}} props
 */
function ConfirmDialog({ title, act, label, limit, children, done }) {
  const [text, setText] = useState("");
  const [error, setError] = useState("");
  const submit = () => {
    if (text.length > limit) setError(`has ${text.length} characters, must have at most ${limit}`);
    else done(text.trim());
  };
  return html`
    <${Dialog} title=${title} onClose=${() => done()}>
      <form onSubmit=${(/** @type {Event} */ e) => { e.preventDefault(); submit(); }}>
        ${children}
        ${label && html`<${Field} label=${label} error=${error}>${(/** @type {object} */ field) => html`
          <textarea ...${field} data-first rows="3" value=${text} onInput=${(/** @type {any} */ e) => setText(e.target.value)}
            onKeyDown=${(/** @type {KeyboardEvent} */ e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) submit(); }}></textarea>`}</${Field}>`}
        <div class="buttons"><button class="primary" data-first=${label ? undefined : true}>${act}</button><button type="button" onClick=${() => done()}>Cancel</button></div>
      </form>
    </${Dialog}>`;
}

/**
 * Asks whether something is to be done, with a text that goes with it if it has a label.
 * @param {{title: string, act: string, label?: string, limit?: number, children?: import("./html.js").Children}} question limit: characters
 * @returns {Promise<string | undefined>} the text; undefined: it is not to be done
 */
export const confirmed = ({ title, act, label = "", limit = 8192, children }) => ask((done) => html`<${ConfirmDialog} title=${title} act=${act} label=${label} limit=${limit} done=${done}>${children}</${ConfirmDialog}>`);
