import { expect, expectAccessible, expectNoSidewaysScroll, open, test } from '../lib/test.ts';

const records = '.audit tbody tr:has(th)';

test.describe('an administrator', () => {
  test.use({ at: 'desk', role: 'admin' });

  test('sees who did what, before and after, and goes to what it was done to', async ({ page }) => {
    await open(page, '/audit?action=incident.resolve');
    await expect(page.locator(records).first()).toContainText('operator');
    await page.getByRole('button', { name: /^Record \d+ in full$/ }).first().click();
    await expect(page.getByLabel(/^Before record/)).toContainText('"status": "triggered"');
    await expect(page.getByLabel(/^After record/)).toContainText('"status": "resolved"');
    await expectAccessible(page);
    await page.locator(records).first().getByRole('link', { name: /^[0-9a-f-]{36}$/ }).click();
    await expect(page).toHaveURL(/\/incidents\//);
    await expect(page.getByText('Restarted the component').first()).toBeVisible();
  });

  test('filters, and the address keeps that', async ({ page, daemon }) => {
    await open(page, '/audit');
    const { records: all } = await daemon.get('/audit');
    await expect(page.locator(records)).not.toHaveCount(0);
    const added = all.filter((r: any) => r.action === 'silence.add');
    await page.getByLabel('Who').fill('operator');
    await page.getByLabel('did what').selectOption('silence.add');
    await expect(page.locator(records)).toHaveCount(added.length);
    await page.reload();
    await expect(page.getByLabel('did what')).toHaveValue('silence.add');
    await page.getByLabel('to', { exact: true }).fill(added[0].object);
    await page.getByLabel('to', { exact: true }).press('Enter');
    await expect(page.locator(records)).toHaveCount(1);
    await page.getByLabel('from', { exact: true }).fill('2126-01-02T03:04:05');
    await expect(page).toHaveURL(/since=2126-01-02T/);
    await expect(page.getByText('No record matches.')).toBeVisible();
    await page.getByRole('link', { name: 'Show all records' }).click();
    await page.locator(records).filter({ hasText: 'operator' }).first().getByRole('link', { name: 'operator' }).click();
    await expect(page.getByLabel('Who')).toHaveValue('operator');
    await expect(page.locator(records).filter({ hasNotText: 'operator' })).toHaveCount(0);
  });

  test('reads it on a phone', async ({ page }) => {
    await page.setViewportSize({ width: 360, height: 740 });
    await open(page, '/audit');
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
  });
});

test.describe('many records', () => {
  test.use({ at: 'own', role: 'admin' });

  test('come page by page', async ({ page, daemon }) => {
    for (let n = 0; n < 105; n++) {
      const { silence_id } = await daemon.post('/silences', { match: { source: [`s${n}`] }, duration: '1h', comment: `number ${n}` }, 'operator');
      await daemon.request('DELETE', `/silences/${silence_id}`, undefined, 'operator');
    }
    await open(page, '/audit');
    await expect(page.locator(records)).toHaveCount(200);
    await page.getByRole('button', { name: 'Older ones' }).click();
    const { records: all } = await daemon.get('/audit?limit=1000');
    await expect(page.locator(records)).toHaveCount(all.length);
    await expect(page.getByRole('button', { name: 'Older ones' })).toBeHidden();
  });
});

for (const role of ['read', 'operator'] as const) {
  test.describe(role, () => {
    test.use({ at: 'desk', role });
    test('is told which role audit and config need', async ({ page }) => {
      for (const path of ['/audit', '/config']) {
        await open(page, path);
        await expect(page.getByText('This page needs the role admin.')).toBeVisible();
      }
      await expect(page.getByRole('link', { name: 'Audit' })).toBeHidden();
      await expect(page.getByRole('link', { name: 'Config' })).toBeHidden();
    });
  });
}
