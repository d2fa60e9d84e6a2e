// Events: what do the components report, now and before?
import { html, useEffect, useMemo, useRef, useState } from "../components/html.js";
import { pending } from "../resource.js";
import { go, place, withQuery } from "../router.js";
import { me } from "../session.js";
import { Copy, quoted } from "../components/copy.js";
import { toSearch } from "../components/filters.js";
import { useKeys } from "../components/keys.js";
import { List, useMedia, useNarrow } from "../components/list.js";
import { SeverityBadge } from "../components/severity.js";
import { Empty, Failure, Loading } from "../components/states.js";
import { style } from "../components/style.js";
import { amount, counted } from "../components/number.js";
import { exact, when, zoneName } from "../components/time.js";
import { Details } from "./details.js";
import { EventFilters } from "./filters.js";
import { after, parameters, question } from "./filter.js";
import { EventLog, most } from "./log.js";

export const ready = style(new URL("./events.css", import.meta.url).href);

/** @typedef {import("./log.js").Row} Row */

/** @param {{event: Row, narrow: boolean}} props */
function Cells({ event, narrow }) {
  const time = html`<time class="time" datetime=${event.timestamp} title=${exact(event.timestamp)}>${when(event.timestamp)}</time>`;
  const message = html`<a href=${`/events/${event.event_id}`} title=${event.message}>${event.message}</a>`;
  if (narrow) {
    return html`<div role="cell"><${SeverityBadge} severity=${event.severity} /> ${event.source} <span class="soft">${time}</span></div><div role="cell">${message}</div>`;
  }
  return html`<div role="cell">${time}</div><div role="cell"><${SeverityBadge} severity=${event.severity} /></div><div role="cell" title=${event.source}>${event.source}</div>
    <div role="cell">${event.category}</div><div role="cell">${message}</div>`;
}

/**
 * What holds the list still: the pointer or the focus in it, or that it is scrolled.
 * @param {{current: HTMLElement | null}} element
 * @param {boolean} more
 * @param {(hold: boolean) => void} tell
 */
function useHold(element, more, tell) {
  const held = useRef({ pointer: false, focus: false, scrolled: false, more });
  held.current.more = more;
  const update = () => tell(Object.values(held.current).some(Boolean));
  useEffect(update, [more, tell]);
  /** @param {keyof typeof held.current} why @param {boolean} is */
  const set = (why, is) => { if (held.current[why] !== is) { held.current[why] = is; update(); } };
  const inRows = (/** @type {EventTarget | null} */ target) => target instanceof Element && element.current?.contains(target) === true && target.closest(".list-body") !== null;
  return {
    scrolled: (/** @type {number} */ top) => set("scrolled", top > 0),
    props: {
      onPointerOver: (/** @type {PointerEvent} */ e) => set("pointer", inRows(e.target)),
      onPointerLeave: () => set("pointer", false),
      onFocusIn: (/** @type {FocusEvent} */ e) => set("focus", inRows(e.target)),
      onFocusOut: (/** @type {FocusEvent} */ e) => set("focus", inRows(e.relatedTarget)),
    },
  };
}

/** @param {{log: EventLog}} props */
function Foot({ log }) {
  const rows = log.rows.value;
  const last = rows.at(-1);
  const error = log.error.value;
  if (error) return html`<p class="ev-foot" role="status" data-tone="bad">${error.message}. <button type="button" class="quiet" onClick=${() => { log.error.value = null; log.older(); log.sync(); }}>Try again</button></p>`;
  if (!last) return html`<p class="ev-foot"></p>`;
  const words = { loading: "", more: "Older ones come as you scroll.", end: "There are no older ones.", full: "" }[log.state.value];
  return html`<p class="ev-foot">${counted(rows.length, "event")} since ${when(last.timestamp)}. ${words}
    ${log.state.value === "full" && html`This page keeps ${amount(most)}. Narrow them down, or <a href=${withQuery({ until: after(last.timestamp), last: null, event: null })}>show those until ${when(last.timestamp)}</a>.`}</p>`;
}

/** @param {{filtered: boolean}} props */
function Nothing({ filtered }) {
  if (filtered) return html`<${Empty} title="No event matches."><p><a href="/events">Show all events</a></p></${Empty}>`;
  const command = `curl ${quoted(location.origin + "/alerts")}${me.value?.open ? "" : ' -H "Authorization: Bearer $ALERTD_TOKEN"'} -H 'Content-Type: application/json' -d '{"severity": "warning", "category": "other", "source": "me", "message": "The first alert"}'`;
  return html`<${Empty} title="No alert has been sent yet."><p>Send the first one, and it appears here:</p><pre class="json" tabindex="0" role="region" aria-label="The command">${command}</pre>
    <p><${Copy} text=${() => command} what="The command">Copy the command</${Copy}></p></${Empty}>`;
}

/** @param {import("../pages.js").PageProps} props */
export default function Events({ query }) {
  const key = JSON.stringify(parameters.map((name) => query.getAll(name)));
  const log = useMemo(() => new EventLog(question(query)), [key]);
  useEffect(() => log.start(), [log]);
  const loading = log.state.value === "loading" && !log.error.value;
  useEffect(() => {
    if (!loading) return;
    pending.value++;
    return () => { setTimeout(() => { pending.value--; }, 0); };
  }, [loading]);

  const narrow = useNarrow();
  const sheet = useMedia("(max-width: 1180px)"); // details lie over the list
  const [paused, setPaused] = useState(false);
  const [marked, mark] = useState(/** @type {number | null} */ (null)); // the seq of the row that the keyboard has come to
  const element = useRef(/** @type {HTMLElement | null} */ (null));
  const opened = query.get("event");
  const rows = log.rows.value;
  const at = marked === null ? -1 : rows.findIndex((r) => r.seq === marked);
  const tell = useMemo(() => (/** @type {boolean} */ hold) => log.hold(hold), [log]);
  const hold = useHold(element, paused || marked !== null || opened !== null, tell);

  /** @param {string | null} id */
  const show = (id) => go(withQuery({ event: id }), { replace: opened !== null && id !== null });
  /** @param {number} by */
  const move = (by) => {
    const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))];
    if (!next) return;
    mark(next.seq);
    if (opened) show(next.event_id);
  };
  const fresh = () => {
    mark(null);
    log.show();
    const body = element.current?.querySelector(".list-body");
    if (body) body.scrollTop = 0;
  };
  useKeys("Events", [
    { key: "j", does: "the next event", run: () => move(1) },
    { key: "k", does: "the previous event", run: () => move(-1) },
    { key: "Enter", does: "its details", run: () => { if (at >= 0) show(rows[at].event_id); } },
    { key: " ", does: "pause, or go on", run: () => setPaused(!paused) },
    { key: ".", does: "show the new ones", run: fresh },
    { key: "/", does: "search", run: toSearch },
    { key: "Escape", does: "close the details, then leave the row", run: () => { if (opened) show(null); else { mark(null); /** @type {HTMLElement | null} */ (document.activeElement)?.blur(); } } },
  ]);
  const waiting = log.waiting.value;
  const filtered = parameters.some((name) => query.has(name));
  const covered = Boolean(opened && sheet);
  /** @param {Row} event */
  const rowProps = (event) => ({
    "data-open": event.event_id === opened || undefined,
    onClick: (/** @type {MouseEvent} */ e) => {
      if (e.ctrlKey || e.metaKey || e.shiftKey || getSelection()?.toString()) return;
      e.preventDefault();
      mark(event.seq);
      show(event.event_id);
    },
  });

  return html`
    <div class="ev-page">
      <div class="ev-head" inert=${covered}><h1>Events</h1>
        <button type="button" aria-pressed=${paused} onClick=${() => setPaused(!paused)}>${paused ? "Go on" : "Pause"}</button>
        <button type="button" class="primary" data-waits=${waiting > 0 || undefined} onClick=${fresh} disabled=${waiting === 0}>${amount(waiting)} new</button>
        ${filtered && html`<a href="/events">Show all</a>`}</div>
      <div inert=${covered}><${EventFilters} narrow=${narrow} /></div>
      <div class="ev-body" data-open=${opened ? true : undefined}>
        <div class="ev-list" inert=${covered} ref=${element} ...${hold.props}>
          ${loading ? html`<${Loading} rows=${8} />`
          : log.state.value === "loading" ? html`<${Failure} error=${log.error.value} retry=${() => { log.error.value = null; log.sync(); }} />`
          : rows.length === 0 ? html`<${Nothing} filtered=${filtered} />`
          : html`<${List} key=${key} class=${narrow ? "ev-rows narrow" : "ev-rows"} label="Events, the newest first" items=${rows} rowHeight=${narrow ? 56 : 32} id=${(/** @type {Row} */ r) => r.seq} selected=${at}
              head=${narrow ? html`<div role="columnheader">What happened</div>` : [`Time, ${zoneName(new Date())}`, "Severity", "Source", "Category", "Message"].map((name) => html`<div role="columnheader">${name}</div>`)}
              draw=${(/** @type {Row} */ event) => html`<${Cells} event=${event} narrow=${narrow} />`} rowProps=${rowProps}
              onEnd=${() => log.older()} onScroll=${hold.scrolled} />`}
        </div>
        ${opened && html`<aside class="ev-details card" aria-label="Details of the event" tabindex="0">
          <div class="ev-title"><h2><a href=${`/events/${opened}`}>Event</a></h2><button type="button" class="quiet" aria-label="Close the details" onClick=${() => show(null)}>✕</button></div>
          <${Details} key=${opened} id=${opened} /></aside>`}
      </div>
      <${Foot} log=${log} />
    </div>`;
}
