import { expect, expectAccessible, expectNoSidewaysScroll, open, test } from '../lib/test.ts';
import { distinctAlerts } from '../lib/desk.ts';
import { Counterparts } from '../lib/counterparts.ts';
import { until } from '../lib/daemon.ts';

const rows = '.incident-list .list-body [role=row]';

test.describe('the list', () => {
  test.use({ at: 'desk', role: 'operator' });

  test('shows each open incident with what matters', async ({ page, daemon }) => {
    await open(page, '/incidents');
    const { incidents } = await daemon.get('/incidents?status=triggered,acknowledged&limit=1000');
    await expect(page.getByText(`${incidents.length} shown`)).toBeVisible();
    const row = page.locator(rows).filter({ hasText: 'The second site has taken over' });
    await expect(row).toContainText('warning');
    await expect(row).toContainText('acknowledged');
    await expect(row).toContainText('rehearsal_failover');
    await expect(row).toContainText('system_health');
    await expect(row.locator('.c-owner')).toHaveText('operator');
    await expect(row.locator('.c-marks')).toContainText('window');
    await expectAccessible(page);
  });

  test('keeps its filters in the address', async ({ page }) => {
    await open(page, '/incidents');
    await page.getByRole('link', { name: 'Acknowledged' }).click();
    await expect(page).toHaveURL(/status=acknowledged/);
    await expect(page.locator(rows).first().locator('.c-status')).toContainText('acknowledged');
    await page.getByRole('link', { name: /^Open \d+/ }).click();
    await page.keyboard.press('/');
    await page.keyboard.type('Position of DAX');
    await expect(page).toHaveURL(/q=Position\+of\+DAX/);
    await expect(page.locator(rows)).toHaveCount(1);
    await expect(page.getByLabel('Message has')).toBeFocused();
    await page.getByLabel('Category').selectOption('risk_limit');
    await expect(page.getByText('No incident fits these filters.')).toBeVisible();
    await page.reload();
    await expect(page.getByLabel('Message has')).toHaveValue('Position of DAX');
    await page.getByRole('button', { name: 'Remove the filters' }).click();
    await page.getByLabel('Source').fill('var_engine');
    await page.getByLabel('Source').press('Enter');
    await expect(page.locator(rows).first().locator('.c-source')).toHaveText('var_engine');
    await page.getByLabel('Least severity').selectOption('critical');
    await page.getByRole('button', { name: 'source var_engine' }).click();
    await expect(page.locator(rows).first().locator('.c-severity')).toHaveText('critical');
    await page.getByLabel('Order').selectOption('asc');
    await expect(page).toHaveURL(/order=asc/);
    const numbers = await page.locator(`${rows} .c-number`).allTextContents();
    expect(numbers).toEqual([...numbers].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1))));
  });

  test('says what is allowed where the address asks for nonsense', async ({ page, guard }) => {
    guard.allow(/400 \(Bad Request\)/);
    await open(page, '/incidents?min_severity=urgent');
    await expect(page.getByRole('alert').filter({ hasText: 'min_severity' })).toContainText('critical');
  });

  test('is moved through with the keyboard', async ({ page }) => {
    await open(page, '/incidents');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    const second = page.locator(rows).nth(1);
    await expect(second).toHaveAttribute('data-selected', 'true');
    await page.keyboard.press('x');
    await expect(page.getByText('1 selected')).toBeVisible();
    await page.keyboard.press('k');
    await expect(page.locator(rows).nth(0)).toHaveAttribute('data-selected', 'true');
    const number = await page.locator(rows).nth(0).locator('.c-number').textContent();
    await page.keyboard.press('Enter');
    await expect(page.locator('.incident-badges')).toContainText(number!);
    await page.keyboard.press('j');
    await expect(page.locator('.incident-badges')).not.toContainText(number!);
    await page.keyboard.press('Escape');
    await expect(page.locator(rows).nth(0)).toHaveAttribute('data-selected', 'true');
    await page.keyboard.press('?');
    await expect(page.getByRole('dialog')).toContainText('acknowledge what is selected');
  });
});

test.describe('somebody who may only read', () => {
  test.use({ at: 'desk', role: 'read' });

  test('sees all and is told which role acts', async ({ page, daemon }) => {
    await open(page, '/incidents');
    await expect(page.getByText('needs the role operator')).toBeVisible();
    await expect(page.getByRole('button', { name: 'Acknowledge' })).toHaveCount(0);
    await expect(page.getByRole('checkbox', { name: /Select/ })).toHaveCount(0);
    await page.keyboard.press('j');
    await page.keyboard.press('a');
    await expect(page.getByText('Your role is read.')).toBeVisible();
    const { incidents } = await daemon.get('/incidents?status=triggered&limit=1');
    await open(page, `/incidents/${incidents[0].incident_id}`);
    await expect(page.getByText('needs the role operator').first()).toBeVisible();
    await expect(page.getByRole('button', { name: 'Acknowledge' })).toHaveCount(0);
  });
});

test.describe('ten thousand', () => {
  test.use({ at: 'thousands', role: 'read' });

  test('are read as one scrolls, and few are in the page', async ({ page }) => {
    await open(page, '/incidents');
    const body = page.locator('.incident-list .list-body');
    await expect(page.getByText('200+ shown')).toBeVisible();
    for (const shown of ['700+', '1,200+', '1,700+']) {
      await body.evaluate((e) => { e.scrollTop = e.scrollHeight; });
      await expect(page.getByText(`${shown} shown`)).toBeVisible();
    }
    expect(await page.locator(rows).count()).toBeLessThan(60);
    const place = await body.evaluate((e) => e.scrollTop);
    await page.locator(rows).nth(12).locator('a').click();
    await expect(page.locator('.incident-head')).toBeVisible();
    await page.goBack();
    await expect.poll(() => body.evaluate((e) => e.scrollTop)).toBe(place);
  });
});

const everything = '[alerting]\nenabled = true\nmin_severity = "info"\ndefault_channels = []\n';

test.describe('changes', () => {
  test.use({ at: 'own', role: 'operator', config: everything });

  test('come by themselves, and never under the pointer', async ({ page, daemon }) => {
    await daemon.alerts(...distinctAlerts(30));
    await open(page, '/incidents');
    const first = page.locator(rows).first();
    await expect(first).toContainText('problem 29');
    await first.hover();
    await daemon.alerts(...distinctAlerts(32).slice(30), distinctAlerts(30)[29]);
    await expect(page.getByRole('button', { name: '2 new' })).toBeVisible();
    await expect(first).toContainText('problem 29');
    await expect(first.locator('.c-count')).toContainText('2');
    await page.getByRole('button', { name: '2 new' }).click();
    await expect(first).toContainText('problem 31');
    await page.mouse.move(5, 5);
    await daemon.alerts(...distinctAlerts(33).slice(32));
    await expect(first).toContainText('problem 32');
    // What is resolved elsewhere stays while the pointer is there, and goes once it has left.
    await first.hover();
    const { incidents } = await daemon.get('/incidents?limit=1');
    await daemon.post(`/incidents/${incidents[0].incident_id}/resolve`, {});
    await expect(first).toHaveAttribute('data-left', 'true');
    await page.mouse.move(5, 5);
    await expect(first).toContainText('problem 31');
  });

  test('leave the scrolled place and the selection', async ({ page, daemon }) => {
    await daemon.alerts(...distinctAlerts(120));
    await open(page, '/incidents');
    const body = page.locator('.incident-list .list-body');
    await page.getByLabel('Select #115').check();
    await body.evaluate((e) => { e.scrollTop = 36 * 40; });
    await page.mouse.move(5, 5);
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await daemon.alerts(...distinctAlerts(125).slice(120));
    await expect(page.getByText('125 shown')).toBeVisible();
    expect(await body.evaluate((e) => e.scrollTop)).toBe(36 * 45);
    await expect(page.getByText('1 selected')).toBeVisible();
  });

  test('are made to several at once', async ({ page, daemon }) => {
    await daemon.alerts(...distinctAlerts(6));
    await open(page, '/incidents');
    await page.getByLabel('Select #6').check();
    await page.getByLabel('Select #4').check();
    await page.getByRole('button', { name: 'Acknowledge' }).click();
    await expect(page.getByText('Acknowledged #6, #4.')).toBeVisible();
    await expect(page.locator(rows).first().locator('.c-owner')).toHaveText('operator');
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await page.keyboard.press('r');
    await page.getByLabel('Note').fill('Restarted it');
    await page.getByRole('dialog').getByRole('button', { name: 'Resolve', exact: true }).click();
    await expect(page.getByText('Resolved #6, #5.')).toBeVisible();
    const { incidents } = await daemon.get('/incidents?status=resolved');
    expect(incidents.map((i: any) => [i.number, i.resolved_by, i.resolved_note])).toEqual([[6, 'operator', 'Restarted it'], [5, 'operator', 'Restarted it']]);
    await page.getByLabel('Select #3').check();
    await page.keyboard.press('a');
    await expect(page.getByText('Acknowledged #3.')).toBeVisible();
  });

  test('a silence is made of what was selected, once it was seen what it holds back', async ({ page, daemon }) => {
    await daemon.alerts(...distinctAlerts(8));
    await open(page, '/incidents');
    await page.getByLabel('Select #1').check();
    await page.getByLabel('Select #3').check();
    await page.keyboard.press('s');
    const dialog = page.getByRole('dialog');
    await expect(dialog.getByLabel('Sources').first()).toHaveValue('component_2\ncomponent_0');
    await expect(dialog).toContainText('2 open incidents would be held back now.');
    await expectAccessible(page);
    await dialog.getByLabel('Sources').first().fill('component_*');
    await dialog.getByLabel('performance').first().check();
    await expect(dialog).toContainText('3 open incidents');
    await dialog.getByLabel('30m').check();
    await dialog.getByLabel('Why').fill('The exchange rehearses');
    await dialog.getByRole('button', { name: 'Silence', exact: true }).click();
    await expect(page.getByText('Silenced until')).toBeVisible();
    const { silences } = await daemon.get('/silences');
    expect(silences[0]).toMatchObject({ by: 'operator', comment: 'The exchange rehearses', match: { source: ['component_*'], category: ['execution_error', 'risk_limit', 'performance'] } });
  });
});

test.describe('a phone', () => {
  test.use({ at: 'own', role: 'operator', viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });

  test('acknowledges with one tap', async ({ page, daemon }) => {
    await daemon.alerts(...distinctAlerts(4));
    const { incidents } = await daemon.get('/incidents?min_severity=critical');
    await open(page, `/incidents/${incidents[0].incident_id}`);
    const button = page.getByRole('button', { name: 'Acknowledge' });
    await expect(button).toBeInViewport({ ratio: 1 });
    expect((await button.boundingBox())!.height).toBeGreaterThanOrEqual(48);
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
    await button.tap();
    await expect(page.getByText('Acknowledged #4.')).toBeVisible();
    await expect(page.locator('.incident-badges')).toContainText('acknowledged');
    expect((await daemon.get(`/incidents/${incidents[0].incident_id}`)).acknowledged_by).toBe('operator');
    await open(page, '/incidents');
    await expectNoSidewaysScroll(page);
    await page.locator(rows).nth(2).tap();
    await expect(page.locator('.incident-head')).toBeVisible();
  });
});

test.describe('without tokens', () => {
  test.use({ at: 'ownOpen', role: null });

  test('the name is asked once', async ({ page, daemon }) => {
    await daemon.alerts(...distinctAlerts(2));
    await open(page, '/incidents');
    await page.getByLabel('Select #2').check();
    await page.keyboard.press('a');
    await page.getByRole('dialog').getByRole('button', { name: 'Continue' }).click();
    await expect(page.getByText('must not be empty')).toBeVisible();
    await page.getByLabel('Your name').fill('Ada');
    await page.getByRole('button', { name: 'Continue' }).click();
    await expect(page.getByText('Acknowledged #2.')).toBeVisible();
    await page.getByLabel('Select #1').check();
    await page.keyboard.press('a');
    await expect(page.getByText('Acknowledged #1.')).toBeVisible();
    const { incidents } = await daemon.get('/incidents');
    expect(incidents.map((i: any) => i.acknowledged_by)).toEqual(['Ada', 'Ada']);
  });
});

test.describe('one incident', () => {
  test.use({ at: 'desk', role: 'operator' });

  test('says who knows, what was told, and shows each attempt', async ({ page, daemon }) => {
    const { deliveries } = await daemon.get('/deliveries?status=failed&limit=1');
    const [id] = deliveries[0].incident_ids;
    await open(page, `/incidents/${id}`);
    const incident = await daemon.get(`/incidents/${id}`);
    for (const c of incident.channels) {
      await expect(page.locator('.knowing li').filter({ hasText: c.channel }).first()).toContainText(c.state.replaceAll('_', ' '));
    }
    await expect(page.locator('.incident-timeline li').first()).toContainText(incident.timeline.at(-1).reason.replace(/ delivered$/, ''));
    await expect(page.locator('.next li')).toHaveCount(incident.next.length);
    const delivery = page.locator(`#delivery-${deliveries[0].delivery_id}`);
    await delivery.locator('summary').click();
    await expect(delivery.getByRole('region', { name: 'Attempts' })).toContainText('410');
    await expect(delivery.getByRole('button', { name: 'Send it again' })).toBeVisible();
    await expectAccessible(page);
  });

  test('that was resolved tells how, and what was like it', async ({ page, daemon }) => {
    const { incidents } = await daemon.get('/incidents?status=resolved&limit=1');
    await open(page, `/incidents/${incidents[0].incident_id}`);
    await expect(page.locator('.incident-facts')).toContainText('Restarted the component');
    await expect(page.getByRole('button', { name: 'Resolve' })).toHaveCount(0);
    await expect(page.getByText('There was none like it.')).toBeVisible();
  });

  test('that is not there is said to be so', async ({ page, guard }) => {
    guard.allow(/404 \(Not Found\)/);
    await open(page, '/incidents/01a22b4c-f807-77c9-8b5b-fe01b7222019');
    await expect(page.getByRole('alert').filter({ hasText: 'there is no incident' })).toBeVisible();
  });
});

test.describe('one incident of its own', () => {
  test.use({ at: 'own', role: 'operator' });

  test('is acknowledged with a note, resolved, and remembered', async ({ page, daemon }) => {
    const alert = { ...distinctAlerts(1)[0], message: `Component 0 reports problem 0\n${'more '.repeat(100)}`, context: { order: { venue: 'XPAR' } } };
    await daemon.alerts(alert);
    const [before] = (await daemon.get('/incidents')).incidents;
    await daemon.post(`/incidents/${before.incident_id}/resolve`, { note: 'Turned it off and on' });
    await daemon.alerts(alert);
    const [{ incident_id }] = (await daemon.get('/incidents?status=triggered')).incidents;
    await open(page, `/incidents/${incident_id}`);
    await expect(page.locator('.similar')).toContainText('Turned it off and on');
    await expect(page.getByLabel(/Context of event/).first()).toContainText('"venue": "XPAR"');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'Copy as JSON' }).first().click();
    await expect(page.getByText('The event as JSON was copied.')).toBeVisible();
    expect(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())).context).toEqual(alert.context);
    await page.getByRole('button', { name: 'All of the message' }).click();
    await page.getByLabel('Note (optional)').fill('On it');
    await page.getByLabel('Note (optional)').press('Enter');
    await expect(page.locator('.incident-timeline')).toContainText('On it');
    await expect(page.locator('.incident-facts')).toContainText('operator');
    await page.keyboard.press('Tab');
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await page.keyboard.press('r');
    await page.getByLabel('Note').fill('Replaced');
    await page.getByRole('dialog').getByRole('button', { name: 'Resolve', exact: true }).click();
    await expect(page.locator('.incident-facts')).toContainText('Replaced');
    await until('it is resolved', async () => (await daemon.get(`/incidents/${incident_id}`)).status === 'resolved');
  });
});

test.describe('a message that has failed', () => {
  test.use({
    at: 'own',
    role: 'operator',
    config: async ({}, use) => {
      const counterparts = await Counterparts.start();
      await use(`[alerting]\nenabled = true\ndefault_channels = ["gone"]\n[alerting.channels.gone]\nkind = "webhook"\nenabled = true\nurl = "${counterparts.url}/refuses"\n`);
      await counterparts.stop();
    },
  });

  test('is sent again', async ({ page, daemon }) => {
    await daemon.alerts(distinctAlerts(1)[0]);
    const failed = async () => (await daemon.get('/deliveries?status=failed&channel=gone')).deliveries[0];
    await until('it has failed', failed);
    const before = await failed();
    await open(page, `/incidents/${before.incident_id}`);
    await expect(page.locator('.knowing')).toContainText('failed');
    await page.getByRole('button', { name: 'delivery', exact: true }).first().click();
    const delivery = page.locator(`#delivery-${before.delivery_id}`);
    await expect(delivery.getByRole('row')).toHaveCount(1 + before.attempt_count);
    await delivery.getByRole('button', { name: 'Send it again' }).click();
    await expect(delivery.getByRole('row')).toHaveCount(2 + before.attempt_count);
    await until('it was sent again', async () => (await daemon.get(`/deliveries/${before.delivery_id}`)).attempt_count > before.attempt_count);
  });
});
