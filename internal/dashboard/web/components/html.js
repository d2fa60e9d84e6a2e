// What every component is made of: templates, hooks and signals, from one place.
import { h, render, Fragment } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export { h, render, Fragment };
export { useState, useEffect, useLayoutEffect, useMemo, useRef, useCallback, useId, useErrorBoundary } from "../vendor/hooks.js";
export { signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect } from "../vendor/signals.js";

/** Makes nodes of a template. Texts put into it stay texts. */
export const html = htm.bind(h);

/** @typedef {import("../vendor/preact.js").ComponentChildren} Children */
