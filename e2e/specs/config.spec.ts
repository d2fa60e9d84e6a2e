import { expect, expectAccessible, expectNoSidewaysScroll, open, test } from '../lib/test.ts';

const alerting = '[alerting]\nenabled = true\n';

test.describe('an administrator', () => {
  test.use({ at: 'desk', role: 'admin' });

  test('sees what is in force, without secrets, and finds a key', async ({ page, daemon }) => {
    await open(page, '/config');
    await expect(page.getByText(`${daemon.folder}/alertd.toml`)).toBeVisible();
    const pager = page.locator('section').filter({ has: page.getByRole('heading', { name: '[alerting.channels.pager]' }) });
    await expect(pager.getByRole('row').filter({ hasText: 'url' })).toHaveText('url<secret>');
    await expect(pager.getByRole('row').filter({ hasText: 'min_severity' })).toHaveText('min_severity"critical"');
    await expect(page.getByText('{ category = ["execution_error"], source = ["strategy_*"] }')).toBeVisible();
    await expectAccessible(page);
    await page.getByLabel('Key or value has').fill('Retention');
    await expect(page).toHaveURL(/q=Retention/);
    await expect(page.locator('.config-rows tr')).toHaveText([/^audit_retention/, /^retention"/, /^retention_events/]);
    await page.reload();
    await expect(page.locator('.config-rows tr')).toHaveCount(3);
    await page.getByLabel('Key or value has').fill('no such thing');
    await page.getByRole('link', { name: 'Show all' }).click();
    await expect(page.getByRole('heading', { name: '[server]' })).toBeVisible();
    await page.setViewportSize({ width: 360, height: 740 });
    await expectNoSidewaysScroll(page);
  });
});

test.describe('an administrator who has changed the file', () => {
  test.use({ at: 'own', role: 'admin', config: alerting });

  test('reads it again, and learns what needs a restart', async ({ page, daemon }) => {
    await open(page, '/config');
    daemon.write(`retention = "30d"\n${alerting}min_severity = "error"\n`); // it goes on with [storage]
    await page.getByRole('button', { name: 'Read the file again' }).click();
    await expect(page.getByText('The file is in force.')).toBeVisible();
    await expect(page.getByText('These keys need a restart: storage.retention.')).toBeVisible();
    await expect(page.getByRole('row').filter({ hasText: /^min_severity/ })).toHaveText('min_severity"error"');
    await expect(page.getByText('by admin')).toBeVisible();
  });

  test('learns what is wrong with it, key by key, and nothing changes', async ({ page, daemon, guard }) => {
    guard.allow(/422 \(Unprocessable/);
    await open(page, '/config');
    daemon.write(`${alerting}min_severity = "urgent"\ncolour = "red"\n`);
    await page.getByRole('button', { name: 'Read the file again' }).click();
    const failure = page.getByRole('alert').filter({ hasText: 'was not taken over' });
    await expect(failure).toContainText('alerting.min_severity');
    await expect(failure).toContainText('colour');
    await expectAccessible(page);
    expect((await daemon.get('/config')).alerting.min_severity).toBe('warning');
  });
});
