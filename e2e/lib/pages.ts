// The pages of the dashboard. Specs that are about every page take them from here.

import type { Daemon } from './daemon.ts';

export interface DashboardPage {
  name: string;
  path: string | ((daemon: Daemon) => Promise<string>);
}

/** The newest incident with messages, and what people did, if there is one. */
async function incident(daemon: Daemon) {
  const { incidents } = await daemon.get('/incidents?limit=1000');
  const shown = incidents.find((i: any) => i.status === 'acknowledged') ?? incidents[0];
  return `/incidents/${shown?.incident_id ?? '00000000-0000-7000-8000-000000000000'}`;
}

export const pages: DashboardPage[] = [
  { name: 'overview', path: '/' },
  { name: 'events', path: '/events' },
  { name: 'incidents', path: '/incidents' },
  { name: 'incident', path: incident },
  { name: 'silences', path: '/silences' },
  { name: 'heartbeats', path: '/heartbeats' },
  { name: 'channels', path: '/channels' },
  { name: 'audit', path: '/audit' },
  { name: 'explain', path: '/explain' },
  { name: 'config', path: '/config' },
];

export async function pathOf(page: DashboardPage, daemon: Daemon) {
  return typeof page.path === 'string' ? page.path : page.path(daemon);
}
