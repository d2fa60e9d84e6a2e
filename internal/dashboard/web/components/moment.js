// Times that are chosen, in the zone in which times are shown.
import { html } from "./html.js";
import { zone } from "../settings.js";
import { exact } from "./time.js";

/** @param {string} text as an input of the type datetime-local has it */
function fromInput(text) {
  const date = new Date(zone.value === "utc" ? text + "Z" : text);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString().replace(".000Z", "Z");
}

/** @param {string} time */
const toInput = (time) => (time && !Number.isNaN(Date.parse(time)) ? exact(time).slice(0, 19).replace(" ", "T") : "");

/**
 * An input for a time, to the second. It takes the attributes of an input, too.
 * @param {{value: string, onChange: (time: string) => void, [attribute: string]: unknown}} props value: a time of RFC 3339, "" if none is chosen
 */
export const MomentInput = ({ value, onChange, ...rest }) => html`<input ...${rest} type="datetime-local" step="1" value=${toInput(value)}
  title=${zone.value === "utc" ? "In UTC" : "In local time"} onChange=${(/** @type {any} */ e) => onChange(e.currentTarget.value && fromInput(e.currentTarget.value))} />`;
