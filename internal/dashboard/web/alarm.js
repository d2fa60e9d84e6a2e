// What makes a new critical incident impossible to miss: a band over the page, a line for screen
// readers, and, if the person wants it, a sound and a notification of the browser.
import { computed, effect, html, signal, useEffect, useSignalEffect } from "./components/html.js";
import { ApiError, get } from "./api.js";
import { follow, keepHidden, resyncs } from "./live.js";
import { go, place } from "./router.js";
import { pending } from "./resource.js";
import { may } from "./session.js";
import { notify, sound } from "./settings.js";
import { incidents, standing } from "./standing.js";
import { notice } from "./components/dialog.js";
import { useKeys } from "./components/keys.js";
import { say } from "./components/toast.js";
import { Shape } from "./components/severity.js";
import { Time } from "./components/time.js";

/** @typedef {import("./api.js").Schemas["Incident"]} Incident */

/** Critical incidents that came while the page was there and that nobody has acknowledged or dismissed here, the newest first. */
const fresh = signal(/** @type {Incident[]} */ ([]));

/** Whether the browser plays sounds: it does once the page was clicked or typed on. */
const audible = signal(navigator.userActivation?.hasBeenActive ?? true);
for (const kind of ["pointerup", "keydown"]) addEventListener(kind, () => { audible.value = true; }, { once: true });

/**
 * Whether this tab is the one that does something, of all tabs of the browser that want to. The
 * next one takes over when it is closed. Without locks (a page without TLS) each tab does it.
 * @param {string} name
 * @param {() => boolean} wanted reads signals
 */
function only(name, wanted) {
  const is = signal(false);
  effect(() => {
    if (!wanted()) return;
    if (!navigator.locks) {
      is.value = true;
      return () => { is.value = false; };
    }
    const stop = new AbortController();
    navigator.locks.request(`alertd.${name}`, { signal: stop.signal }, () => new Promise((release) => {
      is.value = true;
      stop.signal.addEventListener("abort", () => {
        is.value = false;
        release(undefined);
      });
    })).catch(() => {}); // no longer wanted
    return () => stop.abort();
  });
  return is;
}

const rings = only("sound", () => sound.value && audible.value);
const notifies = only("notifications", () => notify.value);

/** @type {AudioContext | null} */
let audio = null;
let sounded = 0;

/** Three tones, at most once in five seconds. */
function ring() {
  if (Date.now() - sounded < 5000) return;
  sounded = Date.now();
  audio ??= new AudioContext();
  if (audio.state === "suspended") audio.resume();
  for (const [i, hertz] of [880, 660, 880].entries()) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const at = audio.currentTime + i * 0.22;
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0.0001, at);
    volume.gain.exponentialRampToValueAtTime(0.25, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.2);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.2);
  }
}

/** @param {Incident} incident */
function pop(incident) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  /** @type {Notification} */
  let shown;
  try {
    shown = new Notification(`critical: ${incident.source}`, { body: incident.message.slice(0, 300), tag: "alertd-critical" });
  } catch { // Chrome on Android takes them from a service worker alone
    notify.value = false;
    say("This browser shows no notifications of pages. The sound works.", "bad");
    return;
  }
  shown.onclick = () => { focus(); visit(incident); shown.close(); };
}

const criticals = "/incidents?status=triggered&min_severity=critical";

/** @param {Incident} incident */
const address = (incident) => `/incidents/${incident.incident_id}`;

/** @param {Incident} incident */
function visit(incident) {
  drop(incident);
  go(address(incident));
}

/** The person knows of it. @param {Incident} incident */
function drop(incident) {
  fresh.value = fresh.value.filter((i) => i.incident_id !== incident.incident_id);
}

/** The incidents that were there before, by id and generation; null until they have been read. @type {Set<string> | null} */
let known = null;
/** The number that all incidents are above which were read last time; 0: all were read. */
let floor = 0;
let underWay = false;
let wanted = false;

/**
 * Reads which critical incidents nobody has acknowledged, and raises the alarm for those that are
 * new: opened, raised to critical, or asking for somebody again. It is quiet about what a silence,
 * a window or an inhibition holds back.
 */
async function look() {
  if (underWay) { wanted = true; return; }
  underWay = true;
  try {
    const read = await get("/incidents", { query: { status: ["triggered"], min_severity: "critical", limit: 1000 } });
    const now = read.incidents.filter((i) => !i.held || i.held.by === "group_wait");
    const key = (/** @type {Incident} */ i) => `${i.incident_id} ${i.generation}`;
    // What moves up into the answer because others have left it was there before.
    const came = known ? now.filter((i) => i.number > floor && !known?.has(key(i))) : [];
    floor = read.next_cursor ? read.incidents[read.incidents.length - 1].number - 1 : 0;
    known = new Set([...(known ?? []), ...now.map(key)]);
    const still = new Set(now.map((i) => i.incident_id));
    const left = fresh.value.filter((i) => still.has(i.incident_id));
    if (came.length || left.length < fresh.value.length) fresh.value = [...came, ...left];
    if (came.length) {
      if (rings.value) ring();
      if (notifies.value) pop(came[0]);
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error; // the connection tells it
  } finally {
    underWay = false;
    if (wanted) {
      wanted = false;
      setTimeout(look, 1000);
    }
  }
}

/** Looks soon after critical events, after a lost connection, when the number of such incidents changes, and now and then during an alarm. */
function watch() {
  pending.value++; // what comes once the page is there is new
  look().finally(() => { pending.value--; });
  let soon = 0;
  const unfollow = follow((events) => {
    if (!soon && events.some((e) => e.severity === "critical")) soon = setTimeout(() => { soon = 0; look(); }, 500);
  });
  // The number may be the same before and after somebody has taken on what is alarmed.
  const changes = computed(() => incidents.value && `${incidents.value.triggered.critical} ${resyncs.value} ${fresh.value.length && standing.value.at}`);
  const end = effect(() => { if (changes.value) look(); });
  return () => { clearTimeout(soon); unfollow(); end(); };
}

async function toggleNotify() {
  if (notify.value) {
    notify.value = false;
    return;
  }
  if (!("Notification" in window) || !isSecureContext) {
    say("This browser shows notifications only of pages that it loads over TLS.", "bad");
    return;
  }
  if (await Notification.requestPermission() === "granted") notify.value = true;
  else say("The browser does not allow notifications of this page. Allow them in its settings.", "bad");
}

export function Alarm() {
  useEffect(() => (may("read") ? watch() : undefined), []);
  useSignalEffect(() => { keepHidden.value = rings.value || notifies.value; });
  const [newest] = fresh.value;
  useEffect(() => { notice.value = newest && html`<${Shape} severity="critical" /> <strong>critical</strong> ${newest.source} ${newest.message}`; }, [newest]);
  useKeys("Alarm", newest ? [{ key: "!", does: "open the new critical incident", run: () => visit(newest) }] : []);
  // The wall screen shows it all over, and has nobody to dismiss it.
  const wall = place.value.query.has("wall");
  return html`
    <div class=${wall ? "visually-hidden" : "alarm"} role="alert" data-shown=${newest !== undefined || undefined}>${newest && html`
      <a href=${address(newest)} onClick=${(/** @type {Event} */ e) => { e.preventDefault(); visit(newest); }}><${Shape} severity="critical" /><span class="alarm-text"><strong>critical</strong> <span class="alarm-source">${newest.source}</span> <span class="alarm-message">${newest.message}</span></span></a>
      <span class="alarm-count">${fresh.value.length > 1 ? html`<a href=${criticals}>${fresh.value.length} new</a> ` : ""}<${Time} at=${newest.first_seen} form="clock" /></span>
      <button type="button" aria-label="Dismiss" onClick=${() => drop(newest)}>✕</button>`}
    </div>
    ${sound.value && !audible.value && html`<button type="button" class="alarm-mute">The browser plays no sound until you click on the page</button>`}`;
}

Alarm.Settings = () => html`
  <label class="check"><input type="checkbox" checked=${sound.value} onChange=${() => { sound.value = !sound.value; if (sound.value) { sounded = 0; ring(); } }} /> Sound for new criticals</label>
  <label class="check"><input type="checkbox" checked=${notify.value} onChange=${toggleNotify} /> Notifications for new criticals</label>`;
