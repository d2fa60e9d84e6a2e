// What surrounds every page: navigation, state, who I am.
import { html, useEffect, useErrorBoundary, useRef, useSignalEffect, useState } from "./components/html.js";
import { ended, heard, unreachable, unreached } from "./api.js";
import { hurry, resyncs, state, why } from "./live.js";
import { pages } from "./pages.js";
import { pending } from "./resource.js";
import { go, match, place } from "./router.js";
import { may, me, signInAddress } from "./session.js";
import { theme, zone } from "./settings.js";
import { open as openIncidents } from "./standing.js";
import { Alarm } from "./alarm.js";
import { upgraded } from "./upgrade.js";
import { Help, helpShown, useKeys } from "./components/keys.js";
import { amount } from "./components/number.js";
import { Shape } from "./components/severity.js";
import { Empty, Failure, Loading } from "./components/states.js";
import { Toasts } from "./components/toast.js";
import { now, span } from "./components/time.js";

/** @typedef {import("./pages.js").Page} Page */

/**
 * The page that an address asks for, with its parameters.
 * @param {string} path
 */
export function find(path) {
  for (const page of pages) {
    const params = match(page.path, path);
    if (params) return { page, params };
  }
  return null;
}

/** @type {Map<Page, import("./pages.js").PageModule>} */
const modules = new Map();

/** @param {{page: Page, params: Record<string, string>}} props */
function PageView({ page, params }) {
  const [module, setModule] = useState(modules.get(page));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [broken, mend] = useErrorBoundary();
  const resynced = resyncs.value;
  useEffect(() => {
    if (module) return;
    pending.value++;
    page.load().then(async (loaded) => {
      await loaded.ready;
      modules.set(page, loaded);
      setModule(loaded);
    }, setError).finally(() => setTimeout(() => { pending.value--; }, 0));
  }, [error && resynced]); // once more when alertd is back
  if (error && !module && (unreachable.value || state.value === "away")) return html`<${Empty} title="This page was not loaded yet."><p>It comes as soon as alertd can be reached.</p></${Empty}>`;
  if (error && !module) return html`<${Failure} error=${new Error(`The page could not be loaded: ${error.message}`)} retry=${() => location.reload()} />`;
  if (broken) return html`<${Failure} error=${broken} retry=${mend} />`;
  if (!module) return html`<${Loading} />`;
  return html`<${module.default} params=${params} query=${place.value.query} />`;
}

function Content() {
  const found = find(place.value.path);
  if (!found) return html`<${Empty} title="There is no such page."><p><a href="/">Go to the overview</a></p></${Empty}>`;
  const need = found.page.need ?? "read";
  if (!may(need)) {
    return html`<${Empty} title=${`This page needs the role ${need}.`}><p>You are ${me.value?.name} with the role ${me.value?.role}. Ask an administrator of alertd, or <a href=${signInAddress()}>sign in as somebody else</a>.</p></${Empty}>`;
  }
  return html`<${PageView} key=${found.page.path + JSON.stringify(found.params)} page=${found.page} params=${found.params} />`;
}

/** How the connection is, and how old what the page shows is. */
function Connection() {
  if (!may("read")) return null; // nothing is followed
  const age = heard.value ? now.value - heard.value : 0;
  const old = heard.value && age > 30_000 ? ` · ${span(age)} old` : "";
  const words = { connecting: "Connecting", live: "Live", away: "Disconnected", paused: "Paused", refused: "Not allowed" }[state.value];
  return html`<span class="connection" data-state=${state.value} title=${why.value || "How the stream of events is"}><span class="dot" aria-hidden="true"></span>${words}${old}</span>`;
}

/** Says that something is wrong with the connection, and what to do. */
function Banner() {
  const wall = place.value.query.has("wall"); // it says itself how old it is, and nobody is there to press a button
  if (ended.value) return html`<div class="banner" data-tone="bad" role="alert">${ended.value}. <a href=${signInAddress()}>Sign in again</a></div>`;
  if (wall) return null;
  if (upgraded.value) return html`<div class="banner" role="status">alertd was upgraded. <button type="button" onClick=${() => location.reload()}>Load the new page</button></div>`;
  if (state.value !== "away" && !unreachable.value) return null;
  const age = heard.value ? ` What you see is ${span(now.value - heard.value)} old.` : "";
  return html`<div class="banner" data-tone="bad" role="status">alertd cannot be reached${why.value && why.value !== unreached ? ` (${why.value})` : ""}.${age} This page tries again by itself, and will miss nothing.
    <button type="button" onClick=${() => { hurry(); resyncs.value++; }}>Try now</button></div>`;
}

/** The open incidents, whatever page is shown. */
function Standing() {
  const counts = openIncidents.value;
  if (!counts) return null;
  return html`<a class="standing" href="/incidents" aria-label=${`Open incidents: ${counts.critical} critical, ${counts.error} error`}>
    <span data-severity="critical" data-none=${counts.critical === 0 || undefined}><${Shape} severity="critical" /> ${amount(counts.critical)} <span class="wide">critical</span></span>
    <span data-severity="error" data-none=${counts.error === 0 || undefined}><${Shape} severity="error" /> ${amount(counts.error)} <span class="wide">error</span></span></a>`;
}

function Navigation() {
  const [menu, setMenu] = useState(false);
  const here = place.value.path;
  useEffect(() => setMenu(false), [here]);
  return html`
    <button type="button" class="menu-button quiet" aria-expanded=${menu} aria-controls="nav" onClick=${() => setMenu(!menu)}>☰ <span class="visually-hidden">Menu</span></button>
    <nav id="nav" aria-label="Pages" data-open=${menu || undefined}>${pages.filter((p) => !p.hidden && may(p.need ?? "read")).map((p) => html`
      <a key=${p.path} href=${p.path} aria-current=${here === p.path || (p.path !== "/" && here.startsWith(p.path + "/")) ? "page" : undefined}>${p.title}</a>`)}
    </nav>`;
}

function Account() {
  const who = me.value;
  const menu = useRef(/** @type {HTMLDetailsElement | null} */ (null));
  const close = () => {
    if (!menu.current) return;
    menu.current.open = false;
    menu.current.querySelector("summary")?.focus();
  };
  useEffect(() => {
    const leave = (/** @type {Event} */ e) => { if (menu.current?.open && e.target instanceof Element && !menu.current.contains(e.target) && !e.target.closest("dialog")) menu.current.open = false; };
    document.addEventListener("pointerdown", leave);
    document.addEventListener("focusin", leave);
    return () => { document.removeEventListener("pointerdown", leave); document.removeEventListener("focusin", leave); };
  }, []);
  if (!who) return null;
  return html`
    <details class="account" ref=${menu} onKeyDown=${(/** @type {KeyboardEvent} */ e) => { if (e.key === "Escape" && menu.current?.open) { e.preventDefault(); close(); } }}><summary aria-label=${`${who.name}, ${who.role}: settings`}><span aria-hidden="true">${who.open ? "⚙" : "●"}</span> <span class="wide">${who.open ? "anybody" : who.name}</span></summary>
      <div class="card">
        <p>${who.open ? "Nobody is configured: anybody may do everything." : html`<strong>${who.name}</strong><br />role ${who.role}, by ${who.kind}`}</p>
        <label>Theme <select value=${theme.value} onChange=${(/** @type {any} */ e) => { theme.value = e.target.value; }}><option value="system">as the system</option><option value="light">light</option><option value="dark">dark</option></select></label>
        <label>Times <select value=${zone.value} onChange=${(/** @type {any} */ e) => { zone.value = e.target.value; }}><option value="local">local time</option><option value="utc">UTC</option></select></label>
        <${Alarm.Settings} />
        <p><button type="button" class="quiet" onClick=${() => { helpShown.value = true; }}>Keyboard <kbd>?</kbd></button> <a href="/?wall">Wall screen</a> <a href="/docs">API</a></p>
        ${who.signed_in && html`<form method="post" action="/logout"><button>Sign out</button></form>`}
        ${!who.open && !who.signed_in && html`<a href=${signInAddress()}>Sign in</a>`}
      </div></details>`;
}

/** Keys that work everywhere: g and a letter lead to a page. */
function useGlobalKeys() {
  const [goes, setGoes] = useState(false);
  useEffect(() => {
    if (!goes) return;
    const timer = setTimeout(() => setGoes(false), 1500);
    return () => clearTimeout(timer);
  }, [goes]);
  const targets = pages.filter((p) => p.key && may(p.need ?? "read"));
  useKeys("Everywhere", [
    { key: "?", does: "this list", run: () => { helpShown.value = true; } },
    { key: "g", does: "then a letter: " + targets.map((p) => `${p.key} ${p.title}`).join(", "), run: () => setGoes(true) },
  ]);
  useKeys("Go to", goes ? targets.map((p) => ({ key: /** @type {string} */ (p.key), does: "", run: () => { setGoes(false); go(p.path); } })) : []);
}

export function Shell() {
  useGlobalKeys();
  useSignalEffect(() => {
    const title = find(place.value.path)?.page.title ?? "alertd";
    const critical = openIncidents.value?.critical ?? 0;
    document.title = `${critical ? `(${critical}) ` : ""}${title} · alertd`;
  });
  if (place.value.query.has("wall")) return html`<main id="main" class="wall"><${Banner} /><${Content} /></main><${Alarm} /><${Toasts} />`;
  return html`
    <a class="skip" href="#main">Skip to the content</a>
    <header class="top"><a class="brand" href="/" aria-label="alertd"><span aria-hidden="true">!</span><span class="wide">alertd</span></a><${Navigation} /><div class="top-right"><${Standing} /><${Connection} /><${Account} /></div></header>
    <${Banner} />
    <main id="main" tabindex="-1"><${Content} /></main>
    <${Alarm} /><${Help} /><${Toasts} />`;
}
