// Incidents: what is open, how bad is it, and is anybody on it?
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../components/html.js";
import { useResource } from "../resource.js";
import { go, place } from "../router.js";
import { may, me } from "../session.js";
import { refreshStanding } from "../standing.js";
import { toSearch } from "../components/filters.js";
import { useKeys } from "../components/keys.js";
import { List } from "../components/list.js";
import { SeverityBadge, StatusBadge } from "../components/severity.js";
import { Empty, Loaded } from "../components/states.js";
import { style } from "../components/style.js";
import { Time } from "../components/time.js";
import { say } from "../components/toast.js";
import { acknowledge, resolve, silence } from "./actions.js";
import { clearFilters, filtered, IncidentFilters, read, Tabs } from "./filters.js";
import { keep, most, recall, Rows } from "./rows.js";

export const ready = style(new URL("./incidents.css", import.meta.url).href);

/** @typedef {import("./rows.js").Incident} Incident */

const coarse = matchMedia("(hover: none)");
const sizes = [{ media: matchMedia("(max-width: 640px)"), height: 84 }, { media: matchMedia("(max-width: 1180px)"), height: 52 }];

/** The height of a row, in pixels, as incidents.css has it. */
function useRowHeight() {
  const measure = () => sizes.find((s) => s.media.matches)?.height ?? 36;
  const [height, set] = useState(measure);
  useEffect(() => {
    const change = () => set(measure());
    for (const s of sizes) s.media.addEventListener("change", change);
    return () => { for (const s of sizes) s.media.removeEventListener("change", change); };
  }, []);
  return height;
}

export default function Incidents() {
  const query = place.value.query;
  const url = location.pathname + location.search;
  const [, draw] = useState(0);
  const redraw = () => draw((n) => n + 1);
  const before = useMemo(() => recall(url), []);
  const wanted = useMemo(() => before?.rows ?? new Rows(read(query)), [url]);
  // What was shown stays until what is wanted now is there.
  const last = useRef(wanted);
  if (wanted.known) last.current = wanted;
  const rows = last.current;
  const [cursor, setCursor] = useState(before?.cursor ?? null);
  const [selected, setSelected] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  const height = useRowHeight();
  const frame = useRef(/** @type {HTMLDivElement | null} */ (null));
  const top = useRef(before?.top ?? 0);
  const anchor = useRef(/** @type {{id: string, offset: number} | null} */ (null));
  const operates = may("operator");

  const scroller = () => /** @type {HTMLElement | null | undefined} */ (frame.current?.querySelector(".list-body"));
  // What the person looks at, or points at, stays where it is. A finger has no place before it touches.
  const hold = () => rows.list.length > 0 && !!frame.current && (coarse.matches || frame.current.matches(":hover") || frame.current.contains(document.activeElement));
  const settle = () => {
    rows.settle();
    redraw();
  };

  const renew = () => {
    settle();
    const body = scroller();
    if (body) body.scrollTop = 0;
  };

  const resource = useResource(async (signal) => {
    if (!hold()) wanted.settle();
    const from = Math.floor(top.current / height);
    const seen = wanted.list.slice(from, from + Math.ceil((scroller()?.clientHeight ?? 0) / height) + 1);
    await wanted.refresh({ seen: seen.length > 1 ? [seen[0], seen[seen.length - 1]] : seen, hold, signal });
    return wanted;
  }, [url], { every: 5, changes: true, live: true });

  const items = rows.list;
  const latest = useRef(() => {});
  latest.current = () => { if (rows === wanted && rows.known) keep({ url, rows, top: top.current, cursor }); };
  useEffect(() => () => latest.current(), []);

  // Rows that come above what is in view do not move it.
  useLayoutEffect(() => {
    const body = scroller();
    const at = anchor.current ? items.findIndex((i) => i.incident_id === anchor.current?.id) : -1;
    if (body && anchor.current && at >= 0 && top.current > 0) body.scrollTop = at * height + anchor.current.offset;
  }, [items, height]);
  useLayoutEffect(() => { // another list begins at its top, and the one of before where it was left
    const body = scroller();
    if (body) body.scrollTop = rows === before?.rows ? before.top : 0;
    if (rows === before?.rows) return;
    setCursor(null);
    setSelected(new Set());
  }, [rows]);
  /** @param {number} now */
  const scrolled = (now) => {
    top.current = now;
    const first = rows.list[Math.floor(now / height)];
    anchor.current = first ? { id: first.incident_id, offset: now % height } : null;
  };

  const index = cursor === null ? -1 : items.findIndex((i) => i.incident_id === cursor);
  const moved = useRef(false);
  /** @param {number} step */
  const move = (step) => {
    const next = items[Math.max(0, Math.min(items.length - 1, index < 0 ? Math.floor(top.current / height) : index + step))];
    if (!next) return;
    moved.current = true;
    setCursor(next.incident_id);
  };
  useLayoutEffect(() => {
    if (!moved.current) return;
    moved.current = false;
    /** @type {HTMLElement | null | undefined} */ (frame.current?.querySelector("[data-selected] a"))?.focus({ preventScroll: true });
  });

  const chosen = selected.size ? items.filter((i) => selected.has(i.incident_id)) : [];
  const targets = chosen.length ? chosen : items.slice(index, index + 1).filter(() => index >= 0);
  /** @param {string} id */
  const toggle = (id) => setSelected((s) => { const next = new Set(s); if (!next.delete(id)) next.add(id); return next; });

  /** @param {(incidents: Incident[]) => Promise<string[] | unknown>} action @param {(i: Incident) => boolean} fits @param {string} otherwise @param {Partial<Incident>} [change] */
  const act = async (action, fits, otherwise, change) => {
    if (!operates) return say(`Your role is ${me.value?.role}. That needs the role operator.`, "bad");
    const fitting = targets.filter(fits);
    if (fitting.length === 0) return say(targets.length ? otherwise : "Select incidents first: j and k, or the boxes.", "bad");
    const done = await action(fitting);
    if (Array.isArray(done) ? done.length === 0 : !done) return;
    if (Array.isArray(done) && change) rows.patch(done, change);
    setSelected(new Set());
    resource.reload();
    refreshStanding();
  };
  const name = me.value?.open ? undefined : me.value?.name;
  const actions = {
    acknowledge: () => act(acknowledge, (i) => i.status === "triggered", "Somebody is on it already.", { status: "acknowledged", acknowledged_by: name }),
    resolve: () => act(resolve, (i) => i.status !== "resolved", "It is resolved already.", { status: "resolved" }),
    silence: () => act(silence, () => true, ""),
  };

  useKeys("Incidents", [
    { key: "j", does: "the next incident", run: () => move(1) },
    { key: "k", does: "the one before", run: () => move(-1) },
    { key: "Enter", does: "open it", run: () => { if (index >= 0) go(`/incidents/${cursor}`); } },
    { key: "x", does: "select it, or no longer", run: () => { if (cursor) toggle(cursor); } },
    { key: "a", does: "acknowledge what is selected, or this one", run: actions.acknowledge },
    { key: "r", does: "resolve", run: actions.resolve },
    { key: "s", does: "silence what is like it", run: actions.silence },
    { key: "n", does: "show the new ones", run: renew },
    { key: "/", does: "search", run: toSearch },
    { key: "Escape", does: "select nothing", run: () => { setSelected(new Set()); setCursor(null); /** @type {HTMLElement | null} */ (document.activeElement)?.blur(); settle(); } },
  ]);

  const sources = useMemo(() => [...new Set(items.map((i) => i.source))].sort().slice(0, 200), [items]);
  const all = items.length > 0 && items.every((i) => selected.has(i.incident_id));
  const state = { ...resource, data: rows.known && (rows === wanted || !resource.error) ? rows : undefined };
  return html`
    <div class="incidents">
      <div class="incidents-top"><h1>Incidents</h1><${Tabs} /></div>
      <${IncidentFilters} sources=${sources} />
      <div class="bulk" role="group" aria-label="Actions">
        ${operates && html`<label class="check"><input type="checkbox" checked=${all} indeterminate=${!all && chosen.length > 0} disabled=${items.length === 0}
          aria-label="Select all" onChange=${() => setSelected(all ? new Set() : new Set(items.map((i) => i.incident_id)))} /> <span aria-live="polite">${chosen.length ? html`${chosen.length.toLocaleString("en")}<span class="word"> selected</span>` : html`<span class="word">All</span>`}</span></label>
        <button type="button" disabled=${targets.length === 0} title="Key a" onClick=${actions.acknowledge}>Acknowledge</button>
        <button type="button" disabled=${targets.length === 0} title="Key r" onClick=${actions.resolve}>Resolve …</button>
        <button type="button" disabled=${targets.length === 0} title="Key s" onClick=${actions.silence}>Silence …</button>`}
        ${!operates && html`<span class="soft">Your role ${me.value?.role} may look. To acknowledge, resolve or silence needs the role operator.</span>`}
        <span class="soft shown">${rows.known && `${items.length.toLocaleString("en")}${rows.more || rows.cut ? "+" : ""} shown`}${rows.cut && `: no more than ${most.toLocaleString("en")}, narrow them by a filter`}</span>
      </div>
      <${Loaded} of=${state} rows=${12}>${() => (items.length === 0 && rows.waiting.size === 0 ? html`<${Nothing} query=${query} />` : html`
        <div class="incidents-frame" ref=${frame} onMouseLeave=${() => setTimeout(() => { if (!hold()) settle(); }, 0)} onFocusOut=${() => setTimeout(() => { if (!hold()) settle(); }, 0)}>
          ${rows.waiting.size + rows.left.size > 0 && html`<button type="button" class="primary fresh" title="Key n" onClick=${renew}>${rows.waiting.size ? `${rows.waiting.size} new` : `${rows.left.size} gone`}</button>`}
          <${List} label="Incidents" class="incident-list" items=${items} rowHeight=${height} id=${id} selected=${index} head=${head} total=${rows.more ? -1 : items.length + 1}
            onScroll=${scrolled} onEnd=${() => { if (rows.more) rows.extend().then(redraw, (error) => say(error.message, "bad")); }}
            rowProps=${(/** @type {Incident} */ i) => ({ "data-left": rows.left.has(i.incident_id) || undefined, "data-severity": i.severity, "data-status": i.status, "aria-selected": selected.has(i.incident_id), onClick: open(i) })}
            draw=${(/** @type {Incident} */ i) => html`
              <span role="cell" class="c-check">${operates && html`<label><input type="checkbox" aria-label=${`Select #${i.number}`} checked=${selected.has(i.incident_id)} onChange=${() => toggle(i.incident_id)} /></label>`}</span>
              <${Row} i=${i} />`} />
        </div>`)}
      </${Loaded}>
    </div>`;
}

/** @param {Incident} i */
const id = (i) => i.incident_id;

/** A click anywhere on a row opens it. @param {Incident} i */
const open = (i) => (/** @type {MouseEvent} */ event) => {
  if (!(event.target instanceof Element) || event.target.closest("a, label, button, input") || getSelection()?.toString()) return;
  go(`/incidents/${i.incident_id}`);
};

const head = html`
  <span role="columnheader" class="c-check"><span class="visually-hidden">Selected</span></span><span role="columnheader" class="c-severity">Severity</span><span role="columnheader" class="c-status">State</span><span role="columnheader" class="c-number">#</span>
  <span role="columnheader" class="c-message">Message</span><span role="columnheader" class="c-source">Source</span><span role="columnheader" class="c-category">Category</span><span role="columnheader" class="c-count">Events</span>
  <span role="columnheader" class="c-owner">Owner</span><span role="columnheader" class="c-age">Age</span><span role="columnheader" class="c-marks">Held back</span>`;

/** @param {{i: Incident}} props */
const Row = ({ i }) => html`
  <span role="cell" class="c-severity"><${SeverityBadge} severity=${i.severity} /></span>
  <span role="cell" class="c-status"><${StatusBadge} status=${i.status} /></span>
  <span role="cell" class="c-number">#${i.number}</span>
  <span role="cell" class="c-message"><a href=${`/incidents/${i.incident_id}`} title=${i.message}>${i.message}</a></span>
  <span role="cell" class="c-source" title=${i.source}>${i.source}</span>
  <span role="cell" class="c-category">${i.category}</span>
  <span role="cell" class="c-count">${i.count > 1 ? html`<span aria-hidden="true">×</span>` : ""}${i.count.toLocaleString("en")}</span>
  <span role="cell" class="c-owner" title=${i.resolved_by ?? i.acknowledged_by}>${(i.status === "resolved" ? i.resolved_by : i.acknowledged_by) ?? html`<span class="soft">nobody</span>`}</span>
  <span role="cell" class="c-age"><${Time} at=${i.first_seen} form="age" /></span>
  <span role="cell" class="c-marks">${i.flapping && html`<span class="mark" title="It comes and goes">⇅ flapping</span>`}${i.held && html`<span class="mark" title=${i.held.reason}>‖ ${i.held.by.split(" ", 1)[0].replaceAll("_", " ")}</span>`}</span>`;

/** @param {{query: URLSearchParams}} props */
function Nothing({ query }) {
  const status = query.get("status") ?? "open";
  if (filtered(query)) {
    return html`<${Empty} title="No incident fits these filters."><p><button type="button" onClick=${clearFilters}>Remove the filters</button></p></${Empty}>`;
  }
  if (status === "open") return html`<${Empty} title="Nothing is open."><p>New incidents appear here by themselves. <a href="/incidents?status=resolved">What was resolved</a></p></${Empty}>`;
  return html`<${Empty} title=${`No incident is ${status}.`}><p><a href="/incidents">What is open</a></p></${Empty}>`;
}
