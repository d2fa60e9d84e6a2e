// When a message that waits is sent: the time, unless that has passed and the channel is what it waits for.
import { html, useComputed } from "./html.js";
import { now, Time } from "./time.js";

/** @param {{at: string}} props */
export const Due = ({ at }) => html`<${Attempt} key=${at} at=${at} />`;

/** @param {{at: string}} props It does not change: a new time has a new key. */
function Attempt({ at }) {
  const waits = useComputed(() => Date.parse(at) <= now.value);
  return waits.value ? "as soon as the channel may" : html`<${Time} at=${at} />`;
}
