// Who uses the page, and what they may do.
import { computed, signal } from "./components/html.js";
import { get } from "./api.js";

/** @typedef {"ingest" | "read" | "operator" | "admin"} Role */
/** @typedef {import("../types/helpers.js").Answer<"/whoami", "get">} Identity */

/** Who it is; null until that is known. */
export const me = signal(/** @type {Identity | null} */ (null));

const order = ["ingest", "read", "operator", "admin"];

/**
 * Whether the person may do what needs a role.
 * @param {Role} role
 */
export const may = (role) => me.value !== null && order.indexOf(me.value.role) >= order.indexOf(role);

/** Whether the person may act on incidents. */
export const operates = computed(() => may("operator"));

export async function loadSession() {
  me.value = await get("/whoami");
}

/** The page to sign in, which leads back here. */
export const signInAddress = () => "/login?next=" + encodeURIComponent(location.pathname + location.search);
