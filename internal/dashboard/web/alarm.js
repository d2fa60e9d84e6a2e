// What makes a new critical incident impossible to miss: a band over the page, a line for screen
// readers, and, if the person wants it, a sound and a notification of the browser.
import { html, signal, useEffect, useSignalEffect } from "./components/html.js";
import { get } from "./api.js";
import { follow, keepHidden } from "./live.js";
import { notify, sound } from "./settings.js";
import { go } from "./router.js";
import { say } from "./components/toast.js";
import { Shape } from "./components/severity.js";
import { Time } from "./components/time.js";

/** @typedef {import("./live.js").AlertEvent} AlertEvent */

/** The newest critical event that nobody here has looked at, and how many there are. */
const latest = signal(/** @type {{event: AlertEvent, count: number} | null} */ (null));

/** @type {AudioContext | null} */
let audio = null;
let sounded = 0;

/** Two tones, at most once in five seconds. */
function ring() {
  if (!sound.value || Date.now() - sounded < 5000) return;
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

/** @param {AlertEvent} event */
function pop(event) {
  if (!notify.value || !("Notification" in window) || Notification.permission !== "granted") return;
  /** @type {Notification} */
  let shown;
  try {
    shown = new Notification(`critical: ${event.source}`, { body: event.message.slice(0, 300), tag: "alertd-critical" });
  } catch { // Chrome on Android takes them from a service worker alone
    notify.value = false;
    say("This browser shows no notifications of pages. The sound works.", "bad");
    return;
  }
  shown.onclick = () => { focus(); visit(event); shown.close(); };
}

/**
 * Leads to the incident of an event, which the stream does not know yet.
 * @param {AlertEvent} event
 */
async function visit(event) {
  latest.value = null;
  const { incident_id } = await get("/events/{event_id}", { params: { event_id: event.event_id } }).catch(() => event);
  go(incident_id ? `/incidents/${incident_id}` : criticals);
}

const criticals = "/incidents?min_severity=critical";

/** @param {AlertEvent[]} events */
function hear(events) {
  const critical = events.filter((e) => e.severity === "critical");
  const event = critical.at(-1);
  if (!event) return;
  latest.value = { event, count: (latest.value?.count ?? 0) + critical.length };
  ring();
  pop(event);
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
  useEffect(() => follow(hear), []);
  useSignalEffect(() => { keepHidden.value = sound.value || notify.value; });
  const now = latest.value;
  return html`
    <div class="alarm" role="alert" aria-live="assertive" data-shown=${now !== null || undefined}>${now && html`
      <a href=${criticals} onClick=${(/** @type {Event} */ e) => { e.preventDefault(); visit(now.event); }}><${Shape} severity="critical" /> <strong>critical</strong> <span class="alarm-source">${now.event.source}</span> <span class="alarm-message">${now.event.message}</span></a>
      <span class="alarm-count">${now.count > 1 ? `${now.count} new` : ""} <${Time} at=${now.event.received_at} /></span>
      <button type="button" aria-label="Dismiss" onClick=${() => { latest.value = null; }}>✕</button>`}
    </div>`;
}

Alarm.Settings = () => html`
  <label class="check"><input type="checkbox" checked=${sound.value} onChange=${() => { sound.value = !sound.value; if (sound.value) { sounded = 0; ring(); } }} /> Sound for new criticals</label>
  <label class="check"><input type="checkbox" checked=${notify.value} onChange=${toggleNotify} /> Notifications for new criticals</label>`;
