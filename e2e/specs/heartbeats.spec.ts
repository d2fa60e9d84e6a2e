// Heartbeats: is each component that must be heard of alive, and when is it missed?

import { expect, expectAccessible, expectNoSidewaysScroll, open, test } from '../lib/test.ts';

test.describe('at the desk', () => {
  test.use({ at: 'desk', role: 'read' });

  test('the bad ones come first, and lead to their incident', async ({ page, daemon }) => {
    await open(page, '/heartbeats');
    const rows = page.locator('tbody tr');
    const { heartbeats } = await daemon.get('/heartbeats');
    await expect(rows).toHaveCount(heartbeats.length);
    for (const [n, status] of ['missed', 'failing', 'waiting', 'alive'].entries()) {
      const beat = heartbeats.find((h: any) => h.status === status);
      await expect(rows.nth(n)).toContainText(status);
      await expect(rows.nth(n).getByRole('rowheader')).toHaveText(beat.name);
      await expect(rows.nth(n)).toContainText(beat.severity);
    }
    await expect(rows.nth(1)).toContainText('No session with XETR');
    await expect(rows.nth(2)).toContainText('never');
    await rows.nth(0).getByRole('link', { name: 'Incident of market-data' }).click();
    await expect(page.getByText('heartbeat market-data is missed').first()).toBeVisible();
  });

  test('it is accessible, in both themes and on a phone', async ({ page }) => {
    await open(page, '/heartbeats');
    await expectAccessible(page);
    await page.emulateMedia({ colorScheme: 'dark' });
    await expectAccessible(page);
    await page.setViewportSize({ width: 360, height: 740 });
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
  });
});

test.describe('a component', () => {
  test.use({ at: 'ownOpen', config: '[alerting]\nenabled = true\n[[alerting.heartbeats]]\nname = "feed@prices"\nevery = "1h"\nseverity = "error"\ncategory = "data_quality"\n' });

  test('pings by the command that the page copies', async ({ page, daemon, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await open(page, '/heartbeats');
    await expect(page.locator('tbody tr')).toContainText('waiting');
    await page.getByRole('button', { name: 'Copy curl' }).click();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    expect(command).toBe(`curl -X POST '${daemon.url}/heartbeats/feed%40prices'`);
    await daemon.request('POST', new URL(command.split("'")[1]).pathname);
    await expect(page.locator('tbody tr')).toContainText('alive');
  });
});

test.describe('nothing is watched', () => {
  test.use({ at: 'empty', role: 'read' });

  test('it says how to watch a component', async ({ page }) => {
    await open(page, '/heartbeats');
    await expect(page.getByText('No component is watched.')).toBeVisible();
    await expectAccessible(page);
  });
});
