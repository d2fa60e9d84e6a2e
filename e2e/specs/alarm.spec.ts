// A new critical incident is impossible to miss, on whatever page.

import { expect, expectAccessible, open, test } from '../lib/test.ts';

test.use({ at: 'own', role: 'operator' });

const critical = (n: number) => ({ severity: 'critical', category: 'risk_limit', source: `gate_${n}`, message: `Limit ${n} is breached`, dedup_key: `k${n}` });

test('a new critical shows on every page, leads to its incident, and moves nothing', async ({ page, daemon }) => {
  await daemon.alerts(critical(1));
  await open(page, '/heartbeats');
  await expect(page).toHaveTitle('(1) Heartbeats · alertd');
  const alarm = page.locator('.alarm');
  await expect(alarm).toBeHidden();
  const before = await page.getByRole('heading', { level: 1 }).boundingBox();
  await daemon.alerts({ ...critical(2), severity: 'error' });
  await daemon.alerts(critical(3));
  await expect(alarm).toContainText('critical gate_3 Limit 3 is breached');
  await expect(alarm).toHaveAttribute('role', 'alert');
  expect(await page.getByRole('heading', { level: 1 }).boundingBox()).toEqual(before);
  await expectAccessible(page);
  await daemon.alerts(critical(4));
  await expect(alarm).toContainText('2 new');
  await expect(page).toHaveTitle('(3) Heartbeats · alertd');
  await expect(page.locator('link[rel="icon"]')).toHaveAttribute('href', new RegExp(encodeURIComponent('>3</text>')));
  await alarm.getByRole('link', { name: 'Limit 4 is breached' }).click();
  await expect(page).toHaveURL(/\/incidents\/[0-9a-f-]{36}$/);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Limit 4 is breached');
  await expect(alarm).toContainText('Limit 3 is breached'); // nobody is on that
  await expect(alarm).not.toContainText('new');
});

test('it goes when somebody is on it, and comes again when they are asked again', async ({ page, daemon }) => {
  await open(page, '/heartbeats');
  const alarm = page.locator('.alarm');
  await daemon.alerts(critical(1));
  await expect(alarm).toBeVisible();
  const { incidents: [{ incident_id }] } = await daemon.get('/incidents');
  await daemon.post(`/incidents/${incident_id}/acknowledge`, {}, 'operator');
  await expect(alarm).toBeHidden({ timeout: 15_000 });
  await daemon.alerts(critical(1)); // one more event of what somebody has taken on is no news
  await daemon.alerts(critical(2));
  await expect(alarm).toContainText('Limit 2');
  await expect(alarm).not.toContainText('new');
  await alarm.getByRole('button', { name: 'Dismiss' }).click();
  await expect(alarm).toBeHidden();
});

test('to open or to dismiss one leaves the others', async ({ page, daemon }) => {
  await open(page, '/heartbeats');
  const alarm = page.locator('.alarm');
  for (const n of [1, 2, 3]) await daemon.alerts(critical(n));
  await expect(alarm).toContainText('3 new');
  await alarm.getByRole('button', { name: 'Dismiss' }).click();
  await expect(alarm).toContainText('Limit 2');
  await expect(alarm).toContainText('2 new');
  await page.keyboard.press('!');
  await expect(page.getByRole('heading', { name: 'Limit 2' })).toBeVisible();
  await expect(alarm).toContainText('Limit 1');
});

test('it is seen over a dialog, and covers neither its cross nor the incident on a phone', async ({ page, daemon }) => {
  await daemon.alerts(critical(1));
  await page.setViewportSize({ width: 360, height: 740 });
  const { incidents: [{ incident_id }] } = await daemon.get('/incidents');
  await open(page, `/incidents/${incident_id}`);
  await daemon.alerts(critical(2));
  const alarm = page.locator('.alarm');
  await expect(alarm).toContainText('Limit 2');
  expect((await alarm.boundingBox())!.height).toBeLessThan(140);
  await page.getByRole('button', { name: 'Silence' }).click();
  await daemon.alerts(critical(3));
  const dialog = page.getByRole('dialog');
  const told = dialog.getByText('Limit 3');
  await expect(told).toBeVisible();
  await expect(dialog.getByText('1 critical one matches, and is told all the same')).toBeVisible();
  const covered = await told.evaluate((element) => {
    const box = element.getBoundingClientRect();
    return !element.contains(document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2));
  });
  expect(covered).toBe(false);
  await dialog.getByRole('button', { name: 'Close' }).click();
  await expect(dialog).toHaveCount(0);
});

test('it is quiet about what a silence holds back', async ({ page, daemon }) => {
  await daemon.reload('[alerting]\nenabled = true\ndefault_channels = ["log"]\n[alerting.channels.log]\nkind = "logfile"\nenabled = true\npath = "alerts.log"\n');
  await daemon.post('/silences', { match: { source: ['gate_1'] }, duration: '1h', comment: 'Known', allow_critical: true }, 'operator');
  await open(page, '/heartbeats');
  await daemon.alerts(critical(1));
  await expect(page).toHaveTitle('(1) Heartbeats · alertd');
  await daemon.alerts(critical(2));
  await expect(page.locator('.alarm')).toContainText('Limit 2');
  await expect(page.locator('.alarm')).not.toContainText('new');
});

test('what came while alertd could not be reached is alarmed, too', async ({ page, daemon, guard }) => {
  guard.allow(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|503/);
  await open(page, '/heartbeats');
  await page.context().setOffline(true);
  guard.allow(/ERR_INTERNET_DISCONNECTED/);
  await daemon.alerts(critical(1));
  await page.context().setOffline(false);
  await expect(page.locator('.alarm')).toContainText('Limit 1 is breached', { timeout: 20_000 });
});

test('sound and notification are what the person wants', async ({ page, daemon, context }) => {
  await context.grantPermissions(['notifications']);
  await page.addInitScript(() => {
    const made = ((window as any).made = { tones: 0, notes: [] as string[] });
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...args) {
      made.tones++;
      return start.apply(this, args);
    };
    (window as any).Notification = class {
      static permission = 'granted';
      static requestPermission = async () => 'granted';
      constructor(title: string, options: { body: string }) {
        made.notes.push(`${title}: ${options.body}`);
      }
    };
  });
  const made = () => page.evaluate(() => (window as any).made);
  await open(page, '/heartbeats');
  await daemon.alerts(critical(1));
  await expect(page.locator('.alarm')).toContainText('Limit 1');
  expect(await made()).toEqual({ tones: 0, notes: [] });
  await page.getByLabel(/settings/).click();
  await page.getByLabel('Sound for new criticals').check();
  expect((await made()).tones).toBe(3); // so that one knows it
  await page.getByLabel('Notifications for new criticals').check();
  await page.reload();
  await expect(page.getByRole('button', { name: 'The browser plays no sound until you click on the page' })).toBeVisible();
  await page.getByRole('heading', { level: 1 }).click();
  await expect(page.getByRole('button', { name: 'The browser plays no sound' })).toBeHidden();
  await daemon.alerts(critical(2));
  await expect(page.locator('.alarm')).toContainText('Limit 2');
  expect(await made()).toEqual({ tones: 3, notes: ['critical: gate_2: Limit 2 is breached'] });
});
