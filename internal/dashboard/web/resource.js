// What a page reads from alertd, kept fresh.
import { effect, signal, useEffect, useRef, useState, useSignalEffect } from "./components/html.js";
import { follow, onChange, resyncs } from "./live.js";

/** How many resources, and pages, wait for their first content; at first, the dashboard itself. */
export const pending = signal(1);

effect(() => { // for tests, and for whatever waits until the page shows what it has
  if (pending.value > 0) delete document.documentElement.dataset.ready;
  else requestAnimationFrame(() => setTimeout(() => { // parts that were drawn just now have asked for theirs by then
    if (pending.peek() === 0) document.documentElement.dataset.ready = "true";
  }, 0));
});

/**
 * @template T
 * @typedef {{data: T | undefined, error: Error | undefined, loading: boolean, at: number, reload: () => void}} Resource
 * data and error may both be there: the last that was read, and why nothing newer was. at: when
 * data was read, in milliseconds.
 */

/**
 * Reads something, and reads it anew when an input changes, at intervals while the page is
 * visible, after a lost connection, (changes) soon after a change that no event tells of, and (live) soon after new events.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {unknown[]} inputs
 * @param {{every?: number, changes?: boolean, live?: boolean}} [options] every: seconds between two reads, 0: none
 * @returns {Resource<T>}
 */
export function useResource(load, inputs, { every = 15, changes = false, live = false } = {}) {
  const [shown, show] = useState(/** @type {{data?: T, error?: Error, loading: boolean, at: number}} */ ({ loading: true, at: 0 }));
  const latest = useRef(load);
  latest.current = load;
  const reload = useRef(() => {});
  const key = JSON.stringify(inputs);

  useEffect(() => {
    let stop = new AbortController();
    let first = true;
    let over = false;
    let underWay = false;
    let wanted = false;
    pending.value++;
    const settle = () => { if (first) { first = false; pending.value--; } };
    const run = async () => {
      if (underWay) { wanted = true; return; }
      underWay = true;
      show((s) => ({ ...s, loading: true }));
      try {
        const data = await latest.current(stop.signal);
        if (!over) show({ data, loading: false, at: Date.now() });
      } catch (error) {
        if (!over) show((s) => ({ ...s, error: /** @type {Error} */ (error), loading: false }));
      }
      underWay = false;
      if (over) return;
      setTimeout(settle, 0); // once it is drawn
      if (wanted) { wanted = false; run(); }
    };
    show((s) => ({ loading: true, at: s.at, data: s.data, error: undefined }));
    reload.current = () => { run(); };
    run();
    const interval = every && setInterval(() => { if (!document.hidden) run(); }, every * 1000);
    let soon = 0;
    const unfollow = live && follow(() => { soon ||= setTimeout(() => { soon = 0; if (!document.hidden) run(); }, 2000); });
    const unwatch = changes && onChange(() => { if (!document.hidden) run(); });
    const seen = () => { if (!document.hidden && every) run(); };
    document.addEventListener("visibilitychange", seen);
    return () => {
      over = true;
      stop.abort();
      clearInterval(interval);
      clearTimeout(soon);
      if (unfollow) unfollow();
      if (unwatch) unwatch();
      document.removeEventListener("visibilitychange", seen);
      settle();
    };
  }, [key, every, changes, live]);

  const known = useRef(resyncs.peek());
  useSignalEffect(() => {
    if (resyncs.value !== known.current) {
      known.current = resyncs.value;
      reload.current();
    }
  });
  return { data: shown.data, error: shown.error, loading: shown.loading, at: shown.at, reload: () => reload.current() };
}
