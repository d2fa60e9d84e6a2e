import { expect, expectAccessible, expectNoSidewaysScroll, open, test } from '../lib/test.ts';
import type { Page } from '@playwright/test';

const ask = async (page: Page, alert: object | string) => {
  await page.getByLabel('As JSON').fill(typeof alert === 'string' ? alert : JSON.stringify(alert));
  await page.getByRole('button', { name: 'Explain' }).click();
};
const step = (page: Page, question: string) => page.locator('.ex-step').filter({ has: page.getByRole('heading', { name: question }) });

test.describe('explains', () => {
  test.use({ at: 'desk', role: 'read' });

  test('an alert that opens an incident, in words and step by step, and sends nothing', async ({ page, daemon }) => {
    await open(page, '/explain');
    await expect(page.getByText('Nothing was asked yet.')).toBeVisible();
    await ask(page, { severity: 'critical', category: 'risk_limit', source: 'var_gate', message: 'VaR of the books: 0.07 > 0.03', context: { position: 'explained' } });
    await expect(page.locator('.ex-words p').first()).toHaveText('The alert would open an incident of severity critical: nothing like it is open.');
    await expect(step(page, 'Is it registered?')).toContainText('Yes');
    await expect(step(page, 'What is it like?')).toContainText('VaR of the books: # > # {position="explained"}');
    await expect(step(page, 'Which incident does it belong to?')).toContainText('It opens one');
    await expect(step(page, 'Which route decides?')).toContainText('Route critical.');
    await expect(step(page, 'Who is told?').getByRole('row').filter({ hasText: 'pager' })).toContainText('told at once');
    await expect(step(page, 'What does the message say?').getByLabel('Message')).toContainText('[CRITICAL] var_gate');
    await page.evaluate(() => scrollTo(0, 0));
    await expectAccessible(page);
    expect((await daemon.get('/events?q=VaR+of+the+books')).events).toEqual([]);
  });

  test('one that joins an incident, one that resolves it, one that a silence holds, and one that is not kept', async ({ page, daemon }) => {
    await open(page, '/explain');
    const { incidents } = await daemon.get('/incidents?q=VaR+limit+breached&status=triggered,acknowledged');
    const like = { severity: 'error', category: 'risk_limit', source: 'var_engine', message: 'VaR limit breached: 0.07 > 0.03', context: { position: incidents[0].pattern.match(/position="(.*?)"/)[1] } };
    await ask(page, like);
    const incident = step(page, 'Which incident does it belong to?');
    await expect(incident).toContainText('It joins');
    await expect(incident.getByRole('link')).toHaveAttribute('href', `/incidents/${incidents[0].incident_id}`);
    await expect(step(page, 'Who is told?')).toContainText('it is counted');

    await page.getByLabel(/It says that it is over/).check();
    await expect(page.getByText('The question was changed.')).toBeVisible();
    await page.getByLabel('As JSON').press('Control+Enter');
    await expect(incident).toContainText('It resolves');

    await ask(page, { severity: 'warning', category: 'performance', source: 'latency_monitor', message: 'The line is slow' });
    await expect(step(page, 'Is it held back?')).toContainText('The switch is being replaced');
    await expect(step(page, 'Is it held back?').getByRole('link', { name: 'a silence' })).toHaveAttribute('href', /^\/silences\//);
    await expect(step(page, 'Who is told?')).toContainText('held back');

    await ask(page, { severity: 'debug', category: 'other', source: 'x', message: 'y' });
    await expect(step(page, 'Is it registered?')).toContainText('No: severity debug is below min_severity info.');
    await expect(page.locator('.ex-step')).toHaveCount(1);
  });

  test('what the fields say, which are in step with the JSON and keep each digit', async ({ page }) => {
    await open(page, '/explain');
    const json = page.getByLabel('As JSON');
    await json.fill('{"severity": "error", "category": "other", "source": "a", "message": "m", "context": {"n": 12345678901234567890123}}');
    await expect(page.getByLabel('Source')).toHaveValue('a');
    await page.getByLabel('Source').fill('the "gate"');
    await page.getByLabel('Severity', { exact: true }).selectOption('critical');
    await page.getByLabel('Message').fill('one\ntwo');
    await page.getByLabel('Dedup key').fill('k');
    await expect(json).toHaveValue(/12345678901234567890123/);
    expect(JSON.parse(await json.inputValue())).toMatchObject({ severity: 'critical', source: 'the "gate"', message: 'one\ntwo', dedup_key: 'k' });
    await page.getByLabel('Dedup key').fill('');
    expect(JSON.parse(await json.inputValue())).not.toHaveProperty('dedup_key');
    await json.fill('{"severity": ');
    await expect(page.getByLabel('Source')).toBeDisabled();
    await expect(page.getByText(/JSON/).last()).toBeVisible();
    await expect(page.getByRole('button', { name: 'Explain' })).toBeDisabled();
    await page.getByRole('button', { name: 'An example' }).click();
    await expect(page.getByLabel('Source')).toHaveValue('var_gate');
  });

  test('what is wrong with a field, at the field', async ({ page, guard }) => {
    guard.allow(/422 \(Unprocessable/);
    await open(page, '/explain');
    await ask(page, { severity: 'bad', category: 'other', message: 'm', colour: 'red', context: 7 });
    await expect(page.locator('.field').filter({ has: page.getByLabel('Severity', { exact: true }) })).toContainText('must be one of debug, info');
    await expect(page.locator('.field').filter({ has: page.getByLabel('Source') })).toContainText('is missing or empty');
    await expect(page.locator('.field').filter({ has: page.getByLabel('As JSON') })).toContainText(/context must be an object.*colour is not a known field|colour is not a known field.*context must be an object/);
    await expect(page.getByText('alertd would refuse this alert.')).toBeVisible();
    await page.evaluate(() => scrollTo(0, 0));
    await expectAccessible(page);
    await page.getByLabel('Source').fill('gate');
    await expect(page.getByText('alertd would refuse this alert.')).toBeHidden();
  });

  test('an event, from its page, and the latest', async ({ page, daemon }) => {
    const { events } = await daemon.get('/events?q=Order+1001');
    await open(page, `/events/${events[0].event_id}`);
    await page.getByRole('link', { name: 'Explain this again' }).click();
    await expect(page.getByLabel('Message')).toHaveValue(events[0].message);
    await expect(step(page, 'Which incident does it belong to?')).toContainText('It joins');
    expect(JSON.parse(await page.getByLabel('As JSON').inputValue())).not.toHaveProperty('event_id');
    await page.getByRole('button', { name: 'The latest event' }).click();
    await expect(page.getByLabel('Source')).not.toHaveValue('strategy_1');
  });

  test('for another time', async ({ page }) => {
    await open(page, '/explain');
    await page.getByLabel('It would come at').fill('2126-01-02T03:04:05');
    await ask(page, { severity: 'warning', category: 'performance', source: 'latency_monitor', message: 'The line is slow' });
    await expect(page.getByText(/This holds for 2126-01-02/)).toBeVisible();
    await expect(step(page, 'Is it held back?')).toContainText('No silence');
  });

  test('on a phone', async ({ page }) => {
    await page.setViewportSize({ width: 360, height: 740 });
    await open(page, '/explain');
    await page.getByRole('button', { name: 'Explain' }).click();
    await expect(page.getByRole('heading', { name: 'In words' })).toBeInViewport();
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
  });
});
