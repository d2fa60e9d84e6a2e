// Many tabs of one browser: over HTTP/1.1 they share six connections.

import type { Page } from '@playwright/test';
import { expect, open, test } from '../lib/test.ts';

test.use({ at: 'own', role: 'operator' });

const critical = (n: number) => ({ severity: 'critical', category: 'risk_limit', source: `gate_${n}`, message: `Limit ${n} is breached`, dedup_key: `k${n}` });

/** From its next load on, the page believes that it is in the background until shown is called. */
const background = (page: Page) =>
  page.addInitScript(() => {
    let hidden = true;
    Object.defineProperty(document, 'hidden', { get: () => hidden });
    (window as any).show = (shown: boolean) => {
      hidden = !shown;
      document.dispatchEvent(new Event('visibilitychange'));
    };
  });

const state = (page: Page) => page.locator('.connection');

test('eight tabs in the background leave connections for the one that is shown', async ({ page, context }) => {
  for (let i = 0; i < 8; i++) {
    const tab = await context.newPage();
    await background(tab);
    await open(tab, '/heartbeats');
    await expect(state(tab)).toHaveAttribute('data-state', 'paused');
  }
  await open(page, '/heartbeats');
  await expect(state(page)).toHaveAttribute('data-state', 'live');
  const [, last] = context.pages();
  await last.evaluate(() => (window as any).show(true));
  await expect(state(last)).toHaveAttribute('data-state', 'live');
  await last.evaluate(() => (window as any).show(false));
  await expect(state(last)).toHaveAttribute('data-state', 'paused');
});

test('of all tabs one notifies, in the background too, and the next takes over', async ({ context, daemon }) => {
  await context.addInitScript(() => {
    if (location.protocol.startsWith('http')) {
      localStorage.setItem('alertd.notify', 'true');
    }
    const notes = ((window as any).notes = [] as string[]);
    (window as any).Notification = class {
      static permission = 'granted';
      constructor(_: string, options: { body: string }) {
        notes.push(options.body);
      }
    };
  });
  const tabs = [await context.newPage(), await context.newPage(), await context.newPage()];
  for (const tab of tabs) {
    await background(tab);
    await open(tab, '/heartbeats');
  }
  const [first, second, third] = tabs;
  await expect(state(first)).toHaveAttribute('data-state', 'live');
  await expect(state(second)).toHaveAttribute('data-state', 'paused');
  await third.evaluate(() => (window as any).show(true));
  await expect(state(third)).toHaveAttribute('data-state', 'live');
  await daemon.alerts(critical(1));
  for (const tab of [first, third]) {
    await expect(tab.locator('.alarm')).toContainText('Limit 1');
  }
  const notes = (tab: Page) => tab.evaluate(() => (window as any).notes);
  expect(await notes(first)).toEqual(['Limit 1 is breached']);
  expect(await notes(third)).toEqual([]);
  await first.close();
  await expect(state(second)).toHaveAttribute('data-state', 'live');
  await daemon.alerts(critical(2));
  await expect(second.locator('.alarm')).toContainText('Limit 2');
  expect(await notes(second)).toContain('Limit 2 is breached');
});
