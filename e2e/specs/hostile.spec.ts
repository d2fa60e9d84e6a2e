// The contents of docs/security-content.md are in every place that a page shows, and are text there.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Counterparts } from '../lib/counterparts.ts';
import { Daemon, until } from '../lib/daemon.ts';
import { addressOf, pages } from '../lib/pages.ts';
import { expect, Guard, ready } from '../lib/test.ts';
import { type Page, test } from '@playwright/test';

interface Content {
  name: string;
  /** Found nowhere else, and among the first characters. */
  word: string;
  text: string;
}

const contents: Content[] = JSON.parse(readFileSync(join(import.meta.dirname, '../hostile.json'), 'utf8'));

const cut = (text: string, most: number) => [...text].slice(0, most).join('');

/** An open alertd, so that people have any name. It has an incident, a silence, a heartbeat and a channel for each content. */
async function start(counterparts: string) {
  const part = ({ text }: Content, n: number) => `
[[alerting.routes]]
name = "route-${n}"
match = { context = { n = "${n}" } }
channels = ["says-${n}"]

[[alerting.heartbeats]]
name = "component-${n}"
every = "1h"
severity = "error"
category = "other"

[alerting.channels.says-${n}]
kind = "webhook"
enabled = true
url = "${counterparts}/says?${encodeURIComponent(cut(text, 200))}"
`;
  const daemon = await Daemon.start({ open: true, config: `[alerting]\nenabled = true\n${contents.map(part).join('')}` });
  await daemon.alerts(...contents.map(({ text }, n) => ({
    severity: n % 2 ? 'critical' : 'error', category: 'risk_limit', source: cut(text, 255), message: cut(text, 8192), dedup_key: cut(text, 255),
    context: { n: `${n}`, [cut(text, 100)]: cut(text, 2000), nested: { [cut(text, 100)]: [cut(text, 100)] } },
  })));
  await until('each channel has an error', async () => (await daemon.get('/channels')).channels.every((c: any) => c.last_error));
  const { incidents } = await daemon.get('/incidents');
  for (const { incident_id, message } of incidents) {
    const { text } = contents.find((c) => message.includes(c.word))!;
    await daemon.post(`/incidents/${incident_id}/acknowledge`, { by: cut(text, 255), note: cut(text, 8192) });
  }
  for (const [n, { text }] of contents.entries()) {
    await daemon.post(`/heartbeats/component-${n}`, { status: 'failing', message: cut(text, 1000) });
    await daemon.post('/silences', { match: { source: [cut(text, 255).trim()], context: { [cut(text, 50)]: 'x' } }, duration: '1h', by: cut(text, 255), comment: cut(text, 1024) });
  }
  return { daemon, incidents };
}

/** The page has the contents as text alone. */
async function expectInert(page: Page, words: string[]) {
  const text = (await page.locator('body').innerText()).replaceAll(/\s/g, '');
  for (const word of words) {
    expect(text, `${word} is shown`).toContain(word);
  }
  await expect(page.locator('img[src="x"], b:text("&lt;"), script:not([src])')).toHaveCount(0);
  const links = await page.locator('a[href]').evaluateAll((all) => all.map((a) => (a as HTMLAnchorElement).href));
  expect(links.filter((href) => !href.startsWith(new URL(page.url()).origin)), 'links to elsewhere').toEqual([]);
  expect(text, 'evaluated').not.toContain('62710561');
}

test.describe('hostile contents', () => {
  test.slow();
  let counterparts: Counterparts;
  let desk: Awaited<ReturnType<typeof start>>;

  test.beforeAll(async () => {
    counterparts = await Counterparts.start();
    desk = await start(counterparts.url);
  });
  test.afterAll(async () => {
    await desk?.daemon.stop();
    await counterparts?.stop();
  });

  test('are text on every page', async ({ context }) => {
    const guard = new Guard();
    await guard.watch(context, desk.daemon);
    const page = await context.newPage();
    const visit = async (path: string, words: string[]) =>
      test.step(path, async () => {
        await page.goto(desk.daemon.url + path);
        await ready(page);
        await expectInert(page, words);
      });
    const all = contents.map((c) => c.word);
    const shown: Record<string, string[]> = { events: all, incidents: all, silences: all, channels: all, heartbeats: all };
    for (const each of pages) {
      await visit((await addressOf(each, desk.daemon))!, shown[each.name] ?? []);
    }
    const { events } = await desk.daemon.get('/events?limit=1000');
    for (const { event_id, message } of events.filter((e: any) => e.source !== 'alertd')) {
      const { word } = contents.find((c) => message.includes(c.word))!;
      await visit(`/events/${event_id}`, [word]);
      await visit(`/explain?event=${event_id}`, [word]);
    }
    for (const { incident_id, message } of desk.incidents) {
      await visit(`/incidents/${incident_id}`, [contents.find((c) => message.includes(c.word))!.word]);
    }
    expect(guard.problems(), 'what a page must not do').toEqual([]);
  });
});
