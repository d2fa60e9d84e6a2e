// The wall screen: readable from five metres, and nothing on it needs a pointer.

import { expect, expectAccessible, open, test } from '../lib/test.ts';

const edge = (page: any) => page.locator('.wall-screen').evaluate((screen: Element) => getComputedStyle(screen).boxShadow);

test.describe('at the desk', () => {
  test.use({ at: 'desk', role: 'read' });

  for (const [width, height] of [[1920, 1080], [1280, 720]]) {
    test(`everything fits on ${width}x${height}, in large type`, async ({ page }) => {
      await page.setViewportSize({ width, height });
      await open(page, '/?wall');
      const { scroll, lowest, figure, row } = await page.evaluate(() => ({
        scroll: [document.documentElement.scrollWidth, document.documentElement.scrollHeight],
        lowest: Math.max(...[...document.querySelectorAll('.wall-states li, .wall-worst li')].map((e) => e.getBoundingClientRect().bottom)),
        figure: parseFloat(getComputedStyle(document.querySelector('.wall-number')!).fontSize),
        row: parseFloat(getComputedStyle(document.querySelector('.wall-worst')!).fontSize),
      }));
      expect(scroll).toEqual([width, height]);
      expect(lowest).toBeLessThanOrEqual(height);
      expect(figure).toBeGreaterThanOrEqual(height / 8);
      expect(row).toBeGreaterThanOrEqual(height / 30);
      await expect(page.getByRole('navigation')).toHaveCount(0);
    });
  }

  test('it says what is on fire, whether telling works, and what the time is', async ({ page, daemon }) => {
    await open(page, '/?wall');
    const { incidents } = await daemon.get('/stats');
    const all = incidents.triggered.critical + incidents.acknowledged.critical;
    await expect(page.locator('.wall-figure').first()).toContainText(`${all} critical`);
    await expect(page.locator('.wall-alarm')).toHaveText(`! Critical: nobody is on ${incidents.triggered.critical === all ? `any of ${all}` : `${incidents.triggered.critical} of ${all}`}`);
    expect(await edge(page)).toContain('rgb(176, 0, 32)');
    await expect(page.locator('.wall-worst li').first()).toContainText('nobody');
    await expect(page.locator('.wall-states')).toContainText('channels fail flaky, gone, slow');
    await expect(page.locator('.wall-states')).toContainText('2 of 4 heartbeats are bad');
    await expect(page.locator('.wall-clock time')).toHaveText(/^\d\d:\d\d:\d\d$/);
    await expect(page.locator('.wall-clock')).toContainText(/read \d+ s ago/);
    await expectAccessible(page);
  });

  test('its address says the theme', async ({ page }) => {
    await open(page, '/?wall&theme=dark');
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
    await expectAccessible(page);
    await open(page, '/');
    await expect(page.locator('html')).not.toHaveAttribute('data-theme');
  });
});

test.describe('while it changes', () => {
  test.use({ at: 'own', role: 'read' });

  test('the edge goes when somebody is on it, and it says loudly when it cannot be relied on', async ({ page, daemon, guard }) => {
    guard.allow(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|503/);
    await open(page, '/?wall');
    await expect(page.getByText('Nothing is on fire')).toBeVisible();
    await daemon.alerts({ severity: 'critical', category: 'risk_limit', source: 'gate', message: 'The limit is breached' });
    await expect(page.locator('.wall-alarm')).toHaveText('! Critical: nobody is on it');
    await expect(page.locator('.alarm')).toHaveCount(0); // nobody is there to dismiss it
    const { incidents: [{ incident_id }] } = await daemon.get('/incidents');
    await daemon.post(`/incidents/${incident_id}/acknowledge`, {}, 'operator');
    await expect(page.locator('.wall-alarm')).toHaveText('', { timeout: 15_000 });
    await expect(page.locator('.wall-worst')).toContainText('operator');
    expect(await edge(page)).not.toContain('rgb(176, 0, 32)');
    await daemon.pause();
    await expect(page.locator('.wall-alarm')).toContainText(/Disconnected: what you see is \d+ s old/);
    expect(await edge(page)).toContain('rgb(122, 89, 0)');
    await daemon.resume();
    await expect(page.locator('.wall-alarm')).toHaveText('', { timeout: 20_000 });
  });
});
