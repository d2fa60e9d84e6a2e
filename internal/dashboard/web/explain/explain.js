// Explain: what would become of this alert, and why?
import { html, signal, useEffect, useMemo, useRef, useState } from "../components/html.js";
import { ApiError, get, getText, postText } from "../api.js";
import { pending } from "../resource.js";
import { place } from "../router.js";
import { alertOf } from "../components/alert.js";
import { categories } from "../components/category.js";
import { Field } from "../components/dialog.js";
import { members, ofMembers } from "../components/jsontext.js";
import { MomentInput } from "../components/moment.js";
import { severities } from "../components/severity.js";
import { Failure } from "../components/states.js";
import { style } from "../components/style.js";
import { say } from "../components/toast.js";
import { Steps } from "./steps.js";

export const ready = style(new URL("./explain.css", import.meta.url).href);

/** @typedef {import("../api.js").Schemas["Explanation"]} Explanation */

const example = `{
  "severity": "error",
  "category": "risk_limit",
  "source": "var_gate",
  "message": "VaR limit breached: 0.05 > 0.03",
  "context": {
    "position": "BTC-EUR",
    "current_var": 0.05,
    "limit": 0.03
  }
}`;

/** The alert as JSON; it lasts as long as the page is not loaded anew. */
const draft = signal(example);

/** What is wrong with a text as the JSON of an object; "" if nothing. @param {string} text */
function flaw(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? "" : "must be one alert: an object in braces";
  } catch (error) {
    return /** @type {Error} */ (error).message;
  }
}

/** @param {string | undefined} text of JSON */
const asString = (text) => {
  const value = text === undefined ? "" : JSON.parse(text);
  return typeof value === "string" ? value : "";
};

/** @param {{text: string, set: (text: string) => void, broken: boolean, error: ApiError | null}} props */
function Fields({ text, set, broken, error }) {
  const parts = useMemo(() => (broken ? new Map() : members(text)), [text, broken]);
  /** @param {string} name @param {string | undefined} value JSON; undefined: without it */
  const change = (name, value) => {
    const next = new Map(parts);
    if (value === undefined) next.delete(name); else next.set(name, value);
    set(ofMembers(next));
  };
  /** @param {string} name */
  const typed = (name) => (/** @type {any} */ e) => change(name, e.currentTarget.value === "" ? undefined : JSON.stringify(e.currentTarget.value));
  const of = (/** @type {string} */ name) => error?.of("alert." + name) ?? "";
  const choice = (/** @type {string} */ name, /** @type {string} */ label, /** @type {readonly string[]} */ values) => {
    const value = asString(parts.get(name));
    return html`<${Field} label=${label} error=${of(name)}>${(/** @type {object} */ f) => html`<select ...${f} disabled=${broken} value=${value} onChange=${typed(name)}>
      ${!values.includes(value) && html`<option value=${value}>${value || "–"}</option>`}${values.map((v) => html`<option key=${v} value=${v}>${v}</option>`)}</select>`}</${Field}>`;
  };
  return html`
    <div class="ex-pair">${choice("severity", "Severity", severities)}${choice("category", "Category", categories)}</div>
    <${Field} label="Source" error=${of("source")}>${(/** @type {object} */ f) => html`<input ...${f} disabled=${broken} value=${asString(parts.get("source"))} onInput=${typed("source")} />`}</${Field}>
    <${Field} label="Message" error=${of("message")}>${(/** @type {object} */ f) => html`<textarea ...${f} rows="2" disabled=${broken} value=${asString(parts.get("message"))} onInput=${typed("message")}></textarea>`}</${Field}>
    <${Field} label="Dedup key" error=${of("dedup_key")} hint="Alerts with the same key belong together.">${(/** @type {object} */ f) => html`<input ...${f} disabled=${broken} value=${asString(parts.get("dedup_key"))} onInput=${typed("dedup_key")} />`}</${Field}>
    <label class="ex-check"><input type="checkbox" disabled=${broken} checked=${parts.get("resolves") === "true"} onChange=${(/** @type {any} */ e) => change("resolves", e.currentTarget.checked ? "true" : undefined)} /> It says that it is over (<code>resolves</code>)</label>`;
}

/** The fields that the form has; what is wrong with others is said at the JSON. */
const shown = ["severity", "category", "source", "message", "dedup_key"].map((name) => "alert." + name).concat("at");

export default function Explain() {
  const text = draft.value;
  const [at, setAt] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [answer, setAnswer] = useState(/** @type {Explanation | null} */ (null));
  const [stale, setStale] = useState(false); // the question was changed since the answer
  const element = useRef(/** @type {HTMLElement | null} */ (null));
  const wrong = flaw(text);
  const refused = error instanceof ApiError && error.errors.length > 0 ? error : null;

  /** @param {string} next */
  const set = (next) => { draft.value = next; setStale(true); setError(null); };
  const explain = async () => {
    if (flaw(draft.value)) return;
    setBusy(true);
    setError(null);
    try {
      setAnswer(await postText("/explain", `{"alert":${draft.value}${at && `,"at":${JSON.stringify(at)}`}}`));
      setStale(false);
    } catch (failure) {
      setError(/** @type {Error} */ (failure));
      setAnswer(null);
    }
    setBusy(false);
    setTimeout(() => { // on a phone it is below
      if ((element.current?.getBoundingClientRect().top ?? 0) > innerHeight - 120) element.current?.scrollIntoView();
    }, 0);
  };
  /** @param {string} id of an event */
  const take = async (id) => {
    draft.value = alertOf(members(await getText("/events/{event_id}", { params: { event_id: id } })));
    await explain();
  };
  const latest = async () => {
    try {
      const { events } = await get("/events", { query: { limit: 100 } });
      const event = events.find((e) => e.source !== "alertd"); // nobody else may send its alerts
      if (event) await take(event.event_id);
      else say("No component has sent an alert lately.", "bad");
    } catch (failure) {
      setError(/** @type {Error} */ (failure));
    }
  };
  const event = place.value.query.get("event");
  useEffect(() => {
    if (!event) return;
    pending.value++;
    take(event).catch(setError).finally(() => setTimeout(() => { pending.value--; }, 0));
  }, [event]);

  const others = refused?.errors.filter((e) => !shown.includes(e.field)).map((e) => `${e.field.replace(/^alert\.?/, "")} ${e.message}`).join("; ") ?? "";
  return html`
    <h1>Explain</h1>
    <p class="soft">What would become of an alert, and why? Nothing is sent, and nothing is changed.</p>
    <div class="ex-page">
      <form class="card ex-form" onSubmit=${(/** @type {Event} */ e) => { e.preventDefault(); explain(); }} onKeyDown=${(/** @type {KeyboardEvent} */ e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) explain(); }}>
        <h2>The alert</h2>
        <p class="buttons"><button type="button" onClick=${latest}>The latest event</button><button type="button" onClick=${() => { set(example); setAnswer(null); }}>An example</button></p>
        <${Fields} text=${text} set=${set} broken=${wrong !== ""} error=${refused} />
        <${Field} label="As JSON" error=${wrong || others}>${(/** @type {object} */ f) => html`<textarea ...${f} rows="12" spellcheck=${false} value=${text} onInput=${(/** @type {any} */ e) => set(e.currentTarget.value)}></textarea>`}</${Field}>
        <${Field} label="It would come at" hint="Empty: now." error=${refused?.of("at")}>${(/** @type {object} */ f) => html`<${MomentInput} ...${f} value=${at} onChange=${(/** @type {string} */ time) => { setAt(time); setStale(true); }} />`}</${Field}>
        <p class="buttons"><button class="primary" disabled=${busy || wrong !== ""}>Explain</button> <span class="soft"><kbd>ctrl</kbd> <kbd>enter</kbd></span></p>
      </form>
      <section class="ex-answer" ref=${element} aria-label="What would become of it" aria-live="polite" data-stale=${stale || undefined}>
        ${refused ? html`<div class="failure" role="alert"><strong>alertd would refuse this alert.</strong> What is wrong stands at the fields.</div>` : error && html`<${Failure} error=${error} />`}
        ${answer ? html`${stale && html`<p class="ex-stale">The question was changed. This answers the previous one.</p>`}<${Steps} of=${answer} />`
        : !error && html`<div class="empty"><p class="empty-title">Nothing was asked yet.</p><p>Paste an alert, or fill in the fields, and press Explain.</p></div>`}
      </section>
    </div>`;
}
