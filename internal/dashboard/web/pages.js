// The pages: one row and one folder each.

/** @typedef {{params: Record<string, string>, query: URLSearchParams}} PageProps */
/** @typedef {{default: (props: PageProps) => import("./components/html.js").Children, ready?: Promise<unknown>}} PageModule ready: its style sheet */
/**
 * @typedef {object} Page
 * @property {string} path as in the address; a part such as :id is a parameter
 * @property {string} title
 * @property {() => Promise<PageModule>} load
 * @property {string} [key] after g it leads to the page
 * @property {import("./session.js").Role} [need] the least role; read by default
 * @property {boolean} [hidden] not in the navigation
 */

/** @type {Page[]} */
export const pages = [
  { path: "/", title: "Overview", key: "o", load: () => import("./overview/overview.js") },
  { path: "/incidents", title: "Incidents", key: "i", load: () => import("./incidents/incidents.js") },
  { path: "/incidents/:id", title: "Incident", hidden: true, load: () => import("./incidents/incident.js") },
  { path: "/events", title: "Events", key: "e", load: () => import("./events/events.js") },
  { path: "/events/:id", title: "Event", hidden: true, load: () => import("./events/event.js") },
  { path: "/silences", title: "Silences", key: "s", load: () => import("./silences/silences.js") },
  { path: "/silences/:id", title: "Silence", hidden: true, load: () => import("./silences/silence.js") },
  { path: "/channels", title: "Channels", key: "c", load: () => import("./channels/channels.js") },
  { path: "/heartbeats", title: "Heartbeats", key: "h", load: () => import("./heartbeats/heartbeats.js") },
  { path: "/explain", title: "Explain", key: "x", load: () => import("./explain/explain.js") },
  { path: "/audit", title: "Audit", key: "a", need: "admin", load: () => import("./audit/audit.js") },
  { path: "/config", title: "Config", key: "f", need: "admin", load: () => import("./config/config.js") },
];
