import { expect, expectAccessible, expectNoSidewaysScroll, open, test } from '../lib/test.ts';
import { distinctAlerts } from '../lib/desk.ts';

test.describe('the list', () => {
  test.use({ at: 'desk', role: 'read' });

  test('shows what is silenced, by whom, why and until when', async ({ page }) => {
    await open(page, '/silences');
    const active = page.getByRole('row').filter({ hasText: 'latency_monitor' });
    await expect(active).toContainText('active');
    await expect(active).toContainText('The switch is being replaced');
    await expect(active).toContainText('operator');
    await expect(page.getByRole('row').filter({ hasText: 'Maintenance of the feeds' })).toContainText('begins in');
    await page.getByRole('link', { name: 'expired' }).click();
    await expect(page).toHaveURL(/status=expired/);
    await expect(page.getByRole('row')).toHaveCount(2);
    await expect(page.getByRole('row').nth(1)).toContainText('risk_engine_3');
    await expectAccessible(page);
    await expect(page.getByRole('button', { name: 'New silence' })).toHaveCount(0);
    await expect(page.getByText('needs the role operator')).toBeVisible();
  });

  test('leads to the incidents that are held', async ({ page, daemon }) => {
    await open(page, '/silences');
    await page.getByRole('link', { name: 'latency_monitor' }).click();
    const { silences } = await daemon.get('/silences?active=true');
    const [held] = silences[0].incidents;
    const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: `#${held.number}`, exact: true }) });
    await expect(row).toContainText(held.message);
    await expect(row).toContainText(held.severity);
    await expect(page.getByRole('button', { name: 'End now' })).toHaveCount(0);
    await expectAccessible(page);
  });

  test('one that is not there is said to be so', async ({ page, guard }) => {
    guard.allow(/404 \(Not Found\)/);
    await open(page, '/silences/01a22b4c-f807-77c9-8b5b-fe01b7222019');
    await expect(page.getByRole('alert').filter({ hasText: 'no silence' })).toBeVisible();
  });
});

test.describe('an operator', () => {
  test.use({ at: 'own', role: 'operator', config: '[alerting]\nenabled = true\nmin_severity = "info"\ndefault_channels = []\n' });

  test('sees at once what somebody else does', async ({ page, daemon }) => {
    await daemon.alerts(...distinctAlerts(5));
    await open(page, '/silences');
    await expect(page.getByText('Nothing is silenced.')).toBeVisible();
    await expect(page).toHaveTitle(/^\(1\)/);
    const soon = { timeout: 4_000 }; // the page asks by itself only after 10 and 15 s
    await daemon.post('/silences', { match: { source: ['component_1'] }, duration: '1h', comment: 'A rehearsal' }, 'admin');
    await expect(page.getByRole('row').filter({ hasText: 'A rehearsal' })).toBeVisible(soon);
    const { incidents } = await daemon.get('/incidents?min_severity=critical');
    await daemon.post(`/incidents/${incidents[0].incident_id}/resolve`, {}, 'admin');
    await expect(page).not.toHaveTitle(/^\(/, soon);
  });

  test('makes a silence, sees what it holds, and ends it', async ({ page, daemon }) => {
    await daemon.alerts(...distinctAlerts(5));
    await open(page, '/silences');
    await expect(page.getByText('Nothing is silenced.')).toBeVisible();
    await page.keyboard.press('c');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Context').first().fill('host = fra-*');
    await dialog.getByLabel('Message has').first().fill('problem [0-9]');
    await dialog.getByText('… but none of this').click();
    await dialog.getByLabel('Sources').last().fill('component_1');
    await expect(dialog).toContainText('3 open incidents would be held back now.'); // neither component_1 nor the critical one
    await dialog.getByLabel('Hold back critical incidents, too').check();
    await expect(dialog).toContainText('Nobody is told of critical incidents');
    await expect(dialog).toContainText('4 open incidents would be held back now.');
    await expectAccessible(page);
    await dialog.getByLabel('Why').fill('A rehearsal');
    await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
    await expect(page.getByRole('heading', { level: 1 })).toContainText('message matches');
    await expect(page.locator('.silence-head')).toContainText('critical too');
    await page.getByRole('button', { name: 'End now' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await expect(page.locator('.silence-head')).toContainText('active');
    await page.getByRole('button', { name: 'End now' }).click();
    await page.getByRole('button', { name: 'End it now' }).click();
    await expect(page.getByText('The silence has ended.')).toBeVisible();
    await expect(page.locator('.silence-head')).toContainText('by operator');
    const { silences } = await daemon.get('/silences');
    expect(silences[0]).toMatchObject({ status: 'expired', match: { context: { host: 'fra-*' }, message: 'problem [0-9]' }, not: { source: ['component_1'] }, allow_critical: true, comment: 'A rehearsal', expired_by: 'operator' });
  });

  test('learns at each field what is wrong with it', async ({ page, guard }) => {
    guard.allow(/422 \(Unprocessable/);
    await open(page, '/silences');
    await page.getByRole('button', { name: 'New silence' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Message has').first().fill('(');
    await expect(dialog.locator('.field').filter({ hasText: 'Message has' }).first().locator('.field-error')).toContainText('regular expression');
    await dialog.getByLabel('Message has').first().fill('x');
    await expect(dialog).toContainText('No open incident would be held back now.');
    await dialog.getByLabel('until').check();
    await dialog.getByLabel('Ends').fill('2020-01-01T10:00');
    await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
    await expect(dialog.locator('.field').filter({ hasText: 'Ends' }).locator('.field-error')).not.toBeEmpty();
  });

  test.describe('on a phone', () => {
    test.use({ viewport: { width: 360, height: 740 } });
    test('finds the form within the window', async ({ page }) => {
      await open(page, '/silences');
      await expectNoSidewaysScroll(page);
      await page.getByRole('button', { name: 'New silence' }).click();
      await expect(page.getByRole('dialog')).toBeVisible();
      const { scroll, client } = await page.getByRole('dialog').evaluate((e) => ({ scroll: e.scrollWidth, client: e.clientWidth }));
      expect(scroll).toBeLessThanOrEqual(client);
      await expectAccessible(page);
    });
  });
});
