// What a person does about incidents: acknowledge, resolve, silence.
import { html } from "../components/html.js";
import { post } from "../api.js";
import { actor, ask, confirmed } from "../components/ask.js";
import { SilenceDialog } from "../components/silence.js";
import { say } from "../components/toast.js";

/** @typedef {import("../api.js").Schemas["Incident"]} Incident */

const most = 1000; // incidents of one call

/**
 * A few incidents by their numbers, many by how many there are.
 * @param {Pick<Incident, "number">[]} incidents
 */
export const named = (incidents) => (incidents.length <= 3 ? incidents.map((i) => `#${i.number}`).join(", ") : `${incidents.length} incidents`);

/**
 * @param {"acknowledge" | "resolve"} action
 * @param {Pick<Incident, "incident_id" | "number">[]} incidents
 * @param {string} [note]
 * @returns {Promise<string[]>} the ids of those that are so now
 */
async function act(action, incidents, note) {
  const who = await actor();
  if (!who) return [];
  const done = action === "acknowledge" ? "acknowledged" : "resolved";
  /** @type {string[]} */
  const changed = [];
  /** @type {{incident_id: string, reason?: string}[]} */
  const rejected = [];
  let unchanged = 0;
  try {
    for (let from = 0; from < incidents.length; from += most) {
      const body = { incident_ids: incidents.slice(from, from + most).map((i) => i.incident_id), note: note || undefined, ...who };
      const { results } = action === "acknowledge" ? await post("/incidents/acknowledge", { body }) : await post("/incidents/resolve", { body });
      changed.push(...results.filter((r) => r.status === done).map((r) => r.incident_id));
      rejected.push(...results.filter((r) => r.status === "rejected"));
      unchanged += results.filter((r) => r.status === "unchanged").length;
    }
  } catch (error) {
    say(`Not ${done}: ${named(incidents.filter((i) => !changed.includes(i.incident_id)))}. ${/** @type {Error} */ (error).message}.`, "bad");
    return changed;
  }
  const ids = new Set(changed);
  const word = done[0].toUpperCase() + done.slice(1);
  if (changed.length) say(`${word} ${named(incidents.filter((i) => ids.has(i.incident_id)))}.`);
  if (unchanged) say(`${unchanged === incidents.length ? named(incidents) : unchanged} ${unchanged === 1 ? "was" : "were"} ${done} before.`);
  if (rejected.length) say(`${rejected.length} could not be ${done}: ${rejected[0].reason}${rejected.length > 1 ? ", and others" : ""}.`, "bad");
  return changed;
}

/**
 * Says that the person is on it. Nothing more is asked.
 * @param {Pick<Incident, "incident_id" | "number">[]} incidents
 * @param {string} [note]
 */
export const acknowledge = (incidents, note) => act("acknowledge", incidents, note);

/**
 * Says that they are over, once the person has confirmed it.
 * @param {Pick<Incident, "incident_id" | "number" | "message">[]} incidents
 */
export async function resolve(incidents) {
  const note = await confirmed({
    title: `Resolve ${named(incidents)}?`, act: "Resolve", label: "Note, such as what helped (optional)",
    children: html`<p class="words">${incidents.length === 1 ? incidents[0].message.slice(0, 300) : "They are over, and people are told so."} A similar event will open a new incident.</p>`,
  });
  return note === undefined ? [] : act("resolve", incidents, note);
}

/**
 * Makes a silence of what incidents have in common. The person may change it.
 * @param {Incident[]} incidents
 */
export async function silence(incidents) {
  const source = [...new Set(incidents.map((i) => i.source))];
  const category = [...new Set(incidents.map((i) => i.category))];
  return ask((done) => html`<${SilenceDialog} title=${`Silence what is like ${named(incidents)}`} match=${{ source, category }} done=${done} />`);
}
