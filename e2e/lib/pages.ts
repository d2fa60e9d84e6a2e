// The pages of the dashboard, as the dashboard's own table has them: a new page is tested, too.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Daemon, Role } from './daemon.ts';

export interface DashboardPage {
  name: string;
  path: string;
  need: Role;
}

// As Node would take the file for CommonJS, it is not imported by its name.
const source = readFileSync(join(import.meta.dirname, '../../internal/dashboard/web/pages.js'));
const web = await import(`data:text/javascript;base64,${source.toString('base64')}`);

export const pages: DashboardPage[] = web.pages.map(({ path, title, need }: any) => ({ name: title.toLowerCase(), path, need: need ?? 'read' }));

/** What the parameter of a path is, by the first part of the path: an object that is worth to be seen. */
const parameters: Record<string, (daemon: Daemon) => Promise<string | undefined>> = {
  incidents: async (daemon) => {
    const { incidents } = await daemon.get('/incidents?status=triggered,acknowledged&limit=1000&order=asc');
    return (incidents.find((i: any) => i.severity === 'critical' && i.count > 1) ?? incidents[0])?.incident_id;
  },
  events: async (daemon) => {
    const { events } = await daemon.get('/events?limit=1000');
    return (events.find((e: any) => Object.keys(e.context).length > 2) ?? events[0])?.event_id;
  },
  silences: async (daemon) => (await daemon.get('/silences')).silences[0]?.silence_id,
};

/** The address of a page; undefined if it is about something that this alertd has none of. */
export async function addressOf({ path }: DashboardPage, daemon: Daemon) {
  if (!path.includes(':')) {
    return path;
  }
  const id = await parameters[path.split('/')[1]](daemon);
  return id && path.replace(/:\w+/, id);
}
