// Channels: does each way of telling work, and since when not?

import { Counterparts } from '../lib/counterparts.ts';
import { expect, expectAccessible, expectNoSidewaysScroll, open, test } from '../lib/test.ts';

const row = (page: any, name: string) => page.getByRole('list', { name: 'Channels' }).getByRole('listitem').filter({ has: page.getByRole('heading', { name, exact: true }) });

test.describe('at the desk', () => {
  test.use({ at: 'desk', role: 'read' });

  test('each channel says how it is, the worst first and those that are off last', async ({ page, daemon }) => {
    await open(page, '/channels');
    const { channels } = await daemon.get('/channels');
    const shown = await page.locator('.channel').evaluateAll((all) => all.map((c) => (c as HTMLElement).dataset.health));
    expect(shown).toEqual([...shown].sort((a, b) => ['failing', 'degraded', 'healthy', 'disabled'].indexOf(a!) - ['failing', 'degraded', 'healthy', 'disabled'].indexOf(b!)));
    expect(shown.length).toBe(channels.length);
    expect(shown.at(-1)).toBe('disabled');
    for (const { name, kind, health, last_error } of channels) {
      await expect(row(page, name)).toContainText(`${health} ${kind}`);
      if (last_error) {
        await expect(row(page, name)).toContainText(last_error);
      }
    }
    await expect(row(page, 'flaky')).toContainText(/0 worked, \d+ failed, \d+ in a row/);
    await expect(row(page, 'flaky')).toContainText(/Waiting\d+, for/);
    await expect(row(page, 'flaky')).toContainText('Breakeropen');
    await expect(row(page, 'log').getByRole('img')).toHaveAttribute('aria-label', /^Last 24 hours: \d+ worked, 0 failed$/);
    await expect(row(page, 'shaky').getByRole('img')).toHaveAttribute('aria-label', /^Last 24 hours: \d+ worked, 1 failed, the last in the hour from \d\d:00$/);
    await expect(row(page, 'console').getByRole('img')).toHaveAttribute('aria-label', 'No attempt in the last 24 hours');
  });

  test('who only reads may neither test nor retry, and is told why', async ({ page }) => {
    await open(page, '/channels');
    const send = page.getByRole('button', { name: 'Send a test through log' });
    await expect(send).toBeDisabled();
    await expect(send).toHaveAttribute('title', 'A test needs the role operator');
    const again = page.getByRole('button', { name: 'Send again' }).first();
    await expect(again).toBeDisabled();
    await expect(again).toHaveAttribute('title', 'A retry needs the role operator');
  });

  test('what one channel has not delivered has an address', async ({ page }) => {
    await open(page, '/channels');
    const table = page.getByRole('region', { name: 'Not delivered' });
    await expect(table).toContainText('flaky');
    await row(page, 'gone').getByRole('link').click();
    await expect(page).toHaveURL(/channel=gone/);
    await expect(page.getByRole('heading', { name: 'Not delivered by gone' })).toBeVisible();
    await expect(table).not.toContainText('flaky');
    await expect(table.getByRole('row').nth(1)).toContainText('410 Gone');
    await page.reload();
    await expect(table.getByRole('row').nth(1)).toContainText('gone');
    await table.getByRole('link', { name: 'incident' }).first().click();
    await expect(page).toHaveURL(/\/incidents\/[0-9a-f-]{36}/);
    await page.goBack();
    await page.getByRole('link', { name: 'Show all channels' }).click();
    await expect(table).toContainText('flaky');
  });

  test('it is accessible, in both themes and on a phone', async ({ page }) => {
    await open(page, '/channels');
    await expectAccessible(page);
    await page.emulateMedia({ colorScheme: 'dark' });
    await expectAccessible(page);
    await page.setViewportSize({ width: 360, height: 740 });
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
  });
});

test.describe('an operator', () => {
  test.use({ at: 'own', role: 'operator' });

  const config = (url: string, path: string) => `
[alerting]
enabled = true
default_channels = ["desk"]
[alerting.channels.desk]
kind = "webhook"
enabled = true
url = "${url}${path}"
[alerting.channels.slow]
kind = "webhook"
enabled = true
url = "${url}/hangs"
timeout = "1s"
[alerting.channels.console]
enabled = false
`;

  test('tests channels, and sends again what has failed', async ({ page, daemon }) => {
    const counterparts = await Counterparts.start();
    try {
      await daemon.reload(config(counterparts.url, '/refuses'));
      await daemon.alerts({ severity: 'error', category: 'other', source: 'shell', message: 'Nobody hears this' });
      await open(page, '/channels');
      await page.getByRole('button', { name: 'Send a test through desk' }).click();
      await expect(row(page, 'desk').getByRole('status')).toContainText(/not delivered in [\d,]+ ms, permanent, code 410: .*Gone/);
      await page.getByRole('button', { name: 'Send a test through slow' }).click();
      await expect(row(page, 'slow').getByRole('button')).toHaveText('Sending …');
      await expect(row(page, 'slow').getByRole('status')).toContainText(/not delivered in [\d,]+ ms, transient: no answer within the timeout/);
      const off = page.getByRole('button', { name: 'Send a test through console' });
      await expect(off).toBeDisabled();
      await expect(off).toHaveAttribute('title', 'The channel is off: its enabled is false');

      const table = page.getByRole('region', { name: 'Not delivered' });
      await expect(table.getByRole('row', { name: 'failed desk' })).toContainText('410');
      await daemon.reload(config(counterparts.url, '/accepts'));
      await page.getByRole('button', { name: 'Send a test through desk' }).click();
      await expect(row(page, 'desk').getByRole('status')).toContainText(/✓ delivered in [\d,]+ ms, code 204/);
      await table.getByRole('row', { name: 'failed desk' }).first().getByRole('button', { name: 'Send again' }).click();
      await expect(page.getByText('The message to desk is sent again.')).toBeVisible();
      await expect.poll(async () => (await daemon.get('/deliveries?status=failed&channel=desk')).deliveries.length).toBe(0);
      await page.getByRole('heading', { name: 'Channels' }).hover();
      await expect(table.getByRole('row', { name: 'failed desk' })).toHaveCount(0);
    } finally {
      await counterparts.stop();
    }
  });
});

test.describe('without channels', () => {
  test.use({ at: 'own', role: 'admin', config: '[alerting]\nenabled = false\n' });

  test('it says that nobody is told', async ({ page }) => {
    await open(page, '/channels');
    await expect(page.getByText('alertd tells nobody')).toBeVisible();
    await expect(page.getByText('No channel is configured, so nobody is told.')).toBeVisible();
    await expectAccessible(page);
  });
});
