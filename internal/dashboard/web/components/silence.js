// The form of a silence: what it is about, until when, why, and what it would hold back now.
import { html, useEffect, useState } from "./html.js";
import { ApiError, post } from "../api.js";
import { useResource } from "../resource.js";
import { zone } from "../settings.js";
import { actor } from "./ask.js";
import { Dialog, Field } from "./dialog.js";
import { counted } from "./number.js";
import { SeverityBadge, severities } from "./severity.js";
import { Loaded } from "./states.js";
import { style } from "./style.js";
import { say } from "./toast.js";
import { exact } from "./time.js";

/** @typedef {import("../api.js").Schemas["Spec"]} Spec */
/** @typedef {import("../api.js").Schemas["Silence"]} Silence */
/** @typedef {import("../api.js").Schemas["WantedSilence"]} Wanted */
/** @typedef {{min_severity: string, max_severity: string, category: string[], source: string, message: string, context: string}} Fields source and context: one a line */

const categories = ["risk_limit", "position_violation", "execution_error", "data_quality", "system_health", "compliance", "performance", "other"];
const durations = ["30m", "1h", "2h", "4h", "8h", "1d", "7d"];

/** @param {Spec} spec @returns {Fields} */
const fieldsOf = (spec) => ({
  min_severity: spec.min_severity ?? "", max_severity: spec.max_severity ?? "", category: spec.category ?? [], source: (spec.source ?? []).join("\n"), message: spec.message ?? "",
  context: Object.entries(spec.context ?? {}).map(([name, value]) => `${name} = ${value}`).join("\n"),
});

/** @param {string} text */
const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

/** @param {Fields} fields @returns {Spec} */
function specOf(fields) {
  const context = Object.fromEntries(lines(fields.context).map((line) => {
    const at = line.indexOf("=");
    return at < 0 ? [line, ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  }));
  return /** @type {Spec} */ ({
    min_severity: fields.min_severity || undefined, max_severity: fields.max_severity || undefined, category: fields.category.length ? fields.category : undefined,
    source: lines(fields.source).length ? lines(fields.source) : undefined, message: fields.message || undefined, context: Object.keys(context).length ? context : undefined,
  });
}

/**
 * A time that was chosen, in the zone in which times are shown.
 * @param {string} value of an input for date and time; "" if none is chosen
 */
function moment(value) {
  if (!value) return undefined;
  const date = new Date(zone.value === "utc" ? value + "Z" : value);
  return Number.isNaN(date.getTime()) ? value : date.toISOString();
}

/**
 * What is wrong with a field and its members.
 * @param {ApiError | null} error
 * @param {string} field
 */
const wrong = (error, field) => error?.errors.filter((e) => e.field === field || e.field?.startsWith(field + "[") || e.field?.startsWith(field + "."))
  .map((e) => (e.field === field ? "" : `${/** @type {string} */ (e.field).slice(field.length)} `) + e.message).join("; ") ?? "";

/**
 * @param {{of: "match" | "not", fields: Fields, set: (fields: Fields) => void, error: ApiError | null, first?: boolean}} props first: where typing begins
 */
function SpecFields({ of, fields, set, error, first }) {
  /** @param {keyof Fields} name */
  const typed = (name) => (/** @type {any} */ e) => set({ ...fields, [name]: e.target.value });
  /** @param {"min_severity" | "max_severity"} name @param {string} label */
  const severity = (name, label) => html`<${Field} label=${label} error=${wrong(error, `${of}.${name}`)}>${(/** @type {object} */ f) => html`
    <select ...${f} value=${fields[name]} onChange=${typed(name)}><option value="">any</option>${severities.map((s) => html`<option key=${s} value=${s}>${s}</option>`)}</select>`}</${Field}>`;
  return html`
    <div class="silence-fields">
      <${Field} label="Sources" hint="One a line; * stands for any characters, ? for one." error=${wrong(error, `${of}.source`)}>${(/** @type {object} */ f) => html`<textarea ...${f} data-first=${first || undefined} rows="3" value=${fields.source} onInput=${typed("source")}></textarea>`}</${Field}>
      <${Field} label="Context" hint="One member a line, such as order.venue = X*" error=${wrong(error, `${of}.context`)}>${(/** @type {object} */ f) => html`<textarea ...${f} rows="3" value=${fields.context} onInput=${typed("context")}></textarea>`}</${Field}>
      ${severity("min_severity", "Least severity")}${severity("max_severity", "Greatest severity")}
      <fieldset class="silence-categories" aria-invalid=${wrong(error, `${of}.category`) ? true : undefined}><legend>Categories</legend>${categories.map((c) => html`
        <label key=${c}><input type="checkbox" checked=${fields.category.includes(c)} onChange=${() => set({ ...fields, category: fields.category.includes(c) ? fields.category.filter((x) => x !== c) : [...fields.category, c] })} /> ${c}</label>`)}
        ${wrong(error, `${of}.category`) && html`<p class="field-error">${wrong(error, `${of}.category`)}</p>`}</fieldset>
      <${Field} label="Message has (RE2)" error=${wrong(error, `${of}.message`)}>${(/** @type {object} */ f) => html`<input ...${f} value=${fields.message} onInput=${typed("message")} />`}</${Field}>
    </div>`;
}

/** Whether it is about anything: a silence of everything is refused. @param {Wanted} about */
const some = ({ match }) => Object.keys(match ?? {}).length > 0;

/** What it would hold back, read anew as it changes. @param {{of: import("../resource.js").Resource<any>}} props */
const Preview = ({ of }) => html`
  <section class="silence-preview" aria-label="What it would hold back now" aria-live="polite"><${Loaded} of=${of} rows=${1}>${(/** @type {{condition: string, total: number, exempt: number, incidents: import("../api.js").Schemas["Incident"][]} | null} */ data) => data === null ? html`<p class="soft">Say what it is about: at least one of these.</p>` : html`
    <p><strong>${data.total === 0 ? "No open incident would be held back now." : `${data.total.toLocaleString("en")} open ${data.total === 1 ? "incident" : "incidents"} would be held back now.`}</strong> Later ones too, if ${data.condition}.${data.exempt > 0 && html` <strong>${counted(data.exempt, "critical one matches", "critical ones match")}, and ${data.exempt === 1 ? "is" : "are"} told all the same.</strong>`}</p>
    ${data.incidents.length > 0 && html`<ul tabindex="0" aria-label="Incidents that it would hold back">${data.incidents.map((i) => html`<li key=${i.incident_id}><${SeverityBadge} severity=${i.severity} /> <span class="soft">#${i.number}</span> ${i.message.slice(0, 200)} <span class="soft">${i.source}</span></li>`)}</ul>`}
    ${data.total > data.incidents.length && html`<p class="soft">The newest ${data.incidents.length} are listed.</p>`}`}
  </${Loaded}></section>`;

/**
 * Asks for a silence and makes it.
 * @param {{title: string, match?: Spec, not?: Spec, done: (silence?: Silence) => void}} props match and not: what it is about at first
 */
export function SilenceDialog({ title, match = {}, not: except = {}, done }) {
  const [styled, setStyled] = useState(false);
  useEffect(() => { style(new URL("./silence.css", import.meta.url).href).then(() => setStyled(true)); }, []);
  const [wanted, setWanted] = useState(fieldsOf(match));
  const [not, setNot] = useState(fieldsOf(except));
  const [lasts, setLasts] = useState("2h");
  const [until, setUntil] = useState("");
  const [starts, setStarts] = useState("");
  const [comment, setComment] = useState("");
  const [critical, setCritical] = useState(false);
  const [error, setError] = useState(/** @type {ApiError | null} */ (null));
  const [sending, setSending] = useState(false);
  /** @type {Wanted} */
  const about = { match: specOf(wanted), not: specOf(not), allow_critical: critical };
  const text = JSON.stringify(about);
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), 300);
    return () => clearTimeout(timer);
  }, [text]);
  const preview = useResource(async (signal) => {
    const body = JSON.parse(settled);
    if (!some(body)) return null;
    const [held, all] = await Promise.all([body, { ...body, allow_critical: true }].map((of) => post("/silences/preview", { body: of, signal })));
    return { ...held, exempt: all.total - held.total };
  }, [settled], { every: 10 });
  const asked = preview.error instanceof ApiError ? preview.error : null;
  const told = error ?? asked;
  const known = ["match.", "not.", "starts_at", "ends_at", "duration", "comment"];
  const rest = told && (told.errors.filter((e) => !known.some((k) => e.field?.startsWith(k))).map((e) => `${e.field ?? ""} ${e.message}`.trim()).join("; ") || (told.errors.length ? "" : told.detail));

  const submit = async () => {
    const who = await actor();
    if (!who) return;
    setSending(true);
    try {
      const body = { ...about, ...who, comment: comment.trim(), starts_at: moment(starts), ...(lasts === "until" ? { ends_at: moment(until) } : { duration: lasts }) };
      const made = await post("/silences", { body });
      say(`Silenced until ${exact(made.ends_at)}.`);
      done(made);
    } catch (failure) {
      if (failure instanceof ApiError) setError(failure);
      else throw failure;
      setSending(false);
    }
  };
  if (!styled) return null;
  /** @template T @param {(value: T) => void} set */
  const changing = (set) => (/** @type {T} */ value) => { setError(null); set(value); };
  const negated = Object.keys(about.not ?? {}).some((k) => /** @type {any} */ (about.not)[k] !== undefined);
  return html`
    <${Dialog} title=${title} wide onClose=${() => done()}>
      <form class="silence-form" onSubmit=${(/** @type {Event} */ e) => { e.preventDefault(); submit(); }}>
        ${rest && html`<p class="failure" role="alert">${rest}</p>`}
        <div class="silence-about">
        <h3>What matches all of this</h3>
        <${SpecFields} of="match" fields=${wanted} set=${changing(setWanted)} error=${told} first=${!some({ match })} />
        <details class="silence-not" open=${negated || undefined}><summary>… but none of this</summary><${SpecFields} of="not" fields=${not} set=${changing(setNot)} error=${told} /></details>
        </div><div>
        <${Preview} of=${asked && asked.status === 422 ? { ...preview, error: undefined } : preview} />
        <fieldset class="silence-when"><legend>For how long</legend>
          ${[...durations, "until"].map((d) => html`<label key=${d}><input type="radio" name="lasts" checked=${lasts === d} onChange=${() => changing(setLasts)(d)} /> ${d === "until" ? "until …" : d}</label>`)}
        </fieldset>
        ${wrong(error, "duration") && html`<p class="field-error">${wrong(error, "duration")}</p>`}
        <div class="silence-fields">
          ${lasts === "until" && html`<${Field} label=${`Ends (${zone.value === "utc" ? "UTC" : "local time"})`} error=${wrong(error, "ends_at")}>${(/** @type {object} */ f) => html`<input ...${f} type="datetime-local" required value=${until} onInput=${(/** @type {any} */ e) => changing(setUntil)(e.target.value)} />`}</${Field}>`}
          <${Field} label=${`Begins (${zone.value === "utc" ? "UTC" : "local time"})`} hint="Empty: now." error=${wrong(error, "starts_at")}>${(/** @type {object} */ f) => html`<input ...${f} type="datetime-local" value=${starts} onInput=${(/** @type {any} */ e) => changing(setStarts)(e.target.value)} />`}</${Field}>
        </div>
        ${lasts !== "until" && wrong(error, "ends_at") && html`<p class="field-error">${wrong(error, "ends_at")}</p>`}
        <${Field} label="Why" error=${wrong(error, "comment")}>${(/** @type {object} */ f) => html`<input ...${f} data-first maxlength="1024" placeholder="Such as: the feed is being replaced" value=${comment} onInput=${(/** @type {any} */ e) => changing(setComment)(e.target.value)} />`}</${Field}>
        <label class="silence-critical"><input type="checkbox" checked=${critical} onChange=${() => changing(setCritical)(!critical)} /> Hold back critical incidents, too</label>
        ${critical ? html`<p class="failure" role="alert"><strong>Nobody is told of critical incidents that match until it ends.</strong></p>` : html`<p class="hint">Critical ones are told all the same.</p>`}
        <div class="buttons"><button class="primary" disabled=${sending}>Silence</button><button type="button" onClick=${() => done()}>Cancel</button></div></div>
      </form>
    </${Dialog}>`;
}
