// The pages can be seen in each state only if the desk is in each.

import { expect, test } from '../lib/test.ts';

test('the desk has each state of each page', async ({ daemon }) => {
  const values = (rows: any[], key: string) => [...new Set(rows.map((row) => row[key]))].sort();
  const { incidents } = await daemon.get('/incidents?limit=1000');
  expect(values(incidents, 'status')).toEqual(['acknowledged', 'resolved', 'triggered']);
  expect(values(incidents, 'severity')).toEqual(['critical', 'error', 'info', 'warning']);
  const details = await Promise.all(incidents.map((i: any) => daemon.get(`/incidents/${i.incident_id}`)));
  expect(values(details.flatMap((i) => i.channels), 'state')).toEqual(expect.arrayContaining(['digest', 'failed', 'held_back', 'not_asked', 'told', 'waiting']));
  const { silences } = await daemon.get('/silences');
  expect(values(silences, 'status')).toEqual(['active', 'expired', 'pending']);
  const { heartbeats } = await daemon.get('/heartbeats');
  expect(values(heartbeats, 'status')).toEqual(['alive', 'failing', 'missed', 'waiting']);
  const { channels } = await daemon.get('/channels');
  expect(values(channels, 'health')).toEqual(['degraded', 'disabled', 'failing', 'healthy']);
  const { deliveries } = await daemon.get('/deliveries?limit=1000');
  expect(values(deliveries, 'status')).toEqual(expect.arrayContaining(['delivered', 'failed', 'waiting']));
  const { noise } = await daemon.get('/stats');
  for (const why of ['group_wait', 'inhibition', 'silence', 'throttle', 'window']) {
    expect(noise.held_back[why], why).toBeGreaterThan(0);
  }
});
