// Long lists: of any number of items only those in view are in the page.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";

/**
 * A table whose body scrolls. All rows have the same height, in pixels. The cells that draw() returns
 * have role="cell". The table can be scrolled with the keyboard; the selected row is kept in view.
 * @template T
 * @param {{
 *   label: string, items: readonly T[], rowHeight: number, id: (item: T) => string | number,
 *   head: import("./html.js").Children, draw: (item: T, index: number) => import("./html.js").Children,
 *   rowProps?: (item: T, index: number) => Record<string, unknown>,
 *   selected?: number, onEnd?: () => void, onScroll?: (top: number) => void, total?: number, class?: string,
 * }} props onEnd: the last rows come into view; total: how many rows there are, if more than items
 */
export function List({ label, items, rowHeight, id, head, draw, rowProps, selected = -1, onEnd, onScroll, total, class: kind = "" }) {
  const body = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [view, setView] = useState({ top: 0, height: 800 });
  const measure = () => {
    const el = body.current;
    if (!el) return;
    setView((v) => {
      // Whole rows: a scroll within one draws nothing.
      const top = Math.floor(el.scrollTop / rowHeight);
      return v.top === top && v.height === el.clientHeight ? v : { top, height: el.clientHeight };
    });
    onScroll?.(el.scrollTop);
  };
  useLayoutEffect(measure, [rowHeight]);
  useEffect(() => {
    const watch = new ResizeObserver(measure);
    if (body.current) watch.observe(body.current);
    return () => watch.disconnect();
  }, []);
  const spare = 8;
  const from = Math.max(0, Math.min(view.top, items.length) - spare);
  const to = Math.min(items.length, view.top + Math.ceil(view.height / rowHeight) + spare);
  useEffect(() => { if (onEnd && to >= items.length) onEnd(); }, [to >= items.length, items.length]);
  useLayoutEffect(() => {
    const el = body.current;
    if (!el || selected < 0) return;
    const top = selected * rowHeight;
    if (top < el.scrollTop) el.scrollTop = top;
    else if (top + rowHeight > el.scrollTop + el.clientHeight) el.scrollTop = top + rowHeight - el.clientHeight;
  }, [selected]);
  return html`
    <div class=${"list " + kind} role="table" aria-label=${label} aria-rowcount=${total ?? items.length + 1}>
      <div class="list-head" role="rowgroup"><div class="list-row" role="row" aria-rowindex="1">${head}</div></div>
      <div class="list-body" role="rowgroup" ref=${body} onScroll=${measure} tabindex="0" aria-label=${label}>
        <div class="list-space" style=${{ height: items.length * rowHeight + "px" }} role="presentation">
          <div style=${{ transform: `translateY(${from * rowHeight}px)` }} role="presentation">
            ${items.slice(from, to).map((item, i) => html`
              <div key=${id(item)} class="list-row" role="row" aria-rowindex=${from + i + 2} data-selected=${from + i === selected || undefined} style=${{ height: rowHeight + "px" }} ...${rowProps?.(item, from + i)}>${draw(item, from + i)}</div>`)}
          </div>
        </div>
      </div>
    </div>`;
}

/**
 * Whether the window fits a media query.
 * @param {string} query
 */
export function useMedia(query) {
  const [is, set] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const change = () => set(media.matches);
    media.addEventListener("change", change);
    return () => media.removeEventListener("change", change);
  }, [query]);
  return is;
}

/** Whether the page is as narrow as a phone. */
export const useNarrow = () => useMedia("(max-width: 640px)");
