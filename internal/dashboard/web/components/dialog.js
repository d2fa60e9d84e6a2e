// Questions that must be answered before the page goes on.
import { html, signal, useEffect, useId, useRef } from "./html.js";

/** @typedef {import("./html.js").Children} Children */

/** What must be seen at once, and lies over the title of a dialog that is open: the rest of the page is behind it. */
export const notice = signal(/** @type {Children} */ (undefined));

/**
 * A modal dialog that is open for as long as it is drawn. Escape and the cross close it.
 * @param {{title: string, onClose: () => void, children?: Children, wide?: boolean}} props
 */
export function Dialog({ title, onClose, children, wide = false }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const id = useId();
  useEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    element.current?.showModal();
    /** @type {HTMLElement | null | undefined} */ (element.current?.querySelector("[data-first]"))?.focus();
    return () => before?.focus();
  }, []);
  return html`
    <dialog ref=${element} class=${wide ? "dialog roomy" : "dialog"} aria-labelledby=${id} onCancel=${(/** @type {Event} */ e) => { e.preventDefault(); onClose(); }}>
      <div class="dialog-notice" role="alert">${notice.value && html`<p>${notice.value}</p>`}</div>
      <header><h2 id=${id}>${title}</h2><button type="button" class="quiet" aria-label="Close" onClick=${onClose}>✕</button></header>
      ${children}
    </dialog>`;
}

/**
 * A labelled field with a hint and what is wrong with it.
 * @param {{label: string, error?: string, hint?: string, children: (props: {id: string, "aria-describedby": string, "aria-invalid": boolean | undefined}) => Children}} props
 */
export function Field({ label, error, hint, children }) {
  const id = useId();
  return html`
    <div class="field"><label for=${id}>${label}</label>
      ${children({ id, "aria-describedby": id + "h", "aria-invalid": error ? true : undefined })}
      <p id=${id + "h"} class=${error ? "field-error" : "hint"}>${error || hint}</p></div>`;
}
