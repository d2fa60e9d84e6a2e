// The alert that an event was made of.
import { ofMembers } from "./jsontext.js";

const sent = ["severity", "category", "source", "message", "context", "dedup_key", "resolves"];

/**
 * The alert, as JSON. Sent again it makes another event: it has neither the event's id nor its time.
 * @param {Map<string, string>} event its members
 */
export const alertOf = (event) => ofMembers(new Map(sent.filter((name) => event.has(name)).map((name) => [name, /** @type {string} */ (event.get(name))])));
