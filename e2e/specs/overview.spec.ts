// Overview: is anything on fire, is anybody on it, does telling work?

import { expect, expectAccessible, expectNoSidewaysScroll, open, ready, test } from '../lib/test.ts';

const card = (page: any, title: string | RegExp) => page.locator('section.card', { has: page.getByRole('heading', { name: title, level: 2 }) });

test.describe('at the desk', () => {
  test.use({ at: 'desk', role: 'operator' });

  test('it says how many incidents are open, and how many nobody is on', async ({ page, daemon }) => {
    await open(page, '/');
    const { incidents } = await daemon.get('/stats');
    const answer = page.locator('.answer', { hasText: 'critical' }).first();
    for (const severity of ['critical', 'error', 'warning', 'info', 'debug']) {
      const untouched = incidents.triggered[severity];
      const all = untouched + incidents.acknowledged[severity];
      const figure = answer.getByRole('link', { name: new RegExp(`${severity}`) });
      await expect(figure).toContainText(`${all}`);
      await expect(figure).toContainText(all === 0 ? 'none' : untouched === 0 ? 'all in hand' : `${untouched} untouched`);
      await expect(figure).toHaveAttribute('href', `/incidents?min_severity=${severity}`);
    }
    const all = incidents.triggered.critical + incidents.acknowledged.critical;
    await expect(answer).toContainText(`${all} criticals open`);
    await expect(answer).toContainText(incidents.triggered.critical === all ? `Nobody is on any of the ${all}` : `Nobody is on ${incidents.triggered.critical} of ${all}`);
    await expect(page).toHaveTitle(`(${all}) Overview · alertd`);
    await expect(page.locator('link[rel="icon"]')).toHaveAttribute('href', new RegExp(encodeURIComponent(`>${all}</text>`)));
  });

  test('it names the channels that fail, and says what waits', async ({ page, daemon }) => {
    await open(page, '/');
    const { channels } = await daemon.get('/channels');
    const telling = card(page, /Telling/);
    for (const health of ['failing', 'degraded', 'healthy', 'disabled']) {
      for (const { name } of channels.filter((c: any) => c.health === health)) {
        await expect(telling.locator('dl > div', { hasText: health }).getByRole('link', { name, exact: true })).toBeVisible();
      }
    }
    await expect(telling).toContainText(/messages? waits?.*the oldest for/);
  });

  test('it names the heartbeats that are missed or failing, and alertd itself', async ({ page, daemon }) => {
    await open(page, '/');
    const { version } = await daemon.get('/version');
    const { history } = await daemon.get('/stats');
    const itself = card(page, /alertd:/);
    await expect(itself.locator('dl > div', { hasText: 'missed' })).toContainText('market-data');
    await expect(itself.locator('dl > div', { hasText: 'failing' })).toContainText('fix-gateway');
    await expect(itself).toContainText(version);
    await expect(itself).toContainText(`${history.events.toLocaleString('en')} events since`);
  });

  test('the worst incidents come first, with who is on them', async ({ page, daemon }) => {
    await open(page, '/');
    const rows = card(page, 'Worst open incidents').locator('tbody tr');
    await expect(rows).toHaveCount(8);
    const { incidents } = await daemon.get('/incidents?status=triggered,acknowledged&min_severity=error&limit=1000');
    const rank = (i: any) => (i.severity === 'critical' ? 0 : 2) + (i.status === 'triggered' ? 0 : 1);
    const worst = incidents.sort((a: any, b: any) => rank(a) - rank(b) || b.number - a.number).slice(0, 8);
    for (const [n, i] of worst.entries()) {
      await expect(rows.nth(n)).toContainText(i.severity);
      await expect(rows.nth(n)).toContainText(i.acknowledged_by ?? 'nobody');
      await expect(rows.nth(n).getByRole('link', { name: i.message })).toHaveAttribute('href', `/incidents/${i.incident_id}`);
    }
    await rows.first().getByRole('link').click();
    await expect(page).toHaveURL(/\/incidents\/[0-9a-f-]{36}$/);
  });

  test('the timeline is zoomed with the pointer, and leads to the events', async ({ page }) => {
    await open(page, '/?span=24h');
    const timeline = card(page, 'Events over time');
    await expect(timeline.getByRole('button', { name: '24 h' })).toHaveAttribute('aria-pressed', 'true');
    await expect(timeline.getByRole('img', { name: /^Events from .*: .*critical.*The most/ })).toBeVisible();
    const over = timeline.locator('.u-over');
    await over.scrollIntoViewIfNeeded();
    const box = (await over.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.5, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.75, box.y + 60, { steps: 4 });
    await page.mouse.up();
    await expect(page).toHaveURL(/since=.*&until=/);
    const asked = new URL(page.url()).searchParams;
    const length = Date.parse(asked.get('until')!) - Date.parse(asked.get('since')!);
    expect(length / 3_600_000).toBeGreaterThan(5.9);
    expect(length / 3_600_000).toBeLessThan(6.6);
    await expect(timeline.getByRole('link', { name: 'Show these events' })).toHaveAttribute('href', `/events?${new URLSearchParams({ since: asked.get('since')!, until: asked.get('until')! })}`);
    await page.reload();
    await expect(timeline.getByRole('button', { name: 'Zoom out' })).toBeVisible();
    await over.dblclick();
    await expect(page).toHaveURL(/\/\?span=24h$/);
    await page.goBack();
    await timeline.getByRole('button', { name: 'Zoom out' }).click();
    await expect(page).toHaveURL(/\/\?span=24h$/);
  });

  test('the timeline can be read and zoomed without a pointer', async ({ page, daemon }) => {
    await open(page, '/');
    const timeline = card(page, 'Events over time');
    await timeline.getByRole('button', { name: '7 d' }).press('Enter');
    await expect(page).toHaveURL(/span=7d/);
    await timeline.getByText('Values as a table').focus();
    await page.keyboard.press('Enter');
    const first = timeline.getByRole('row').nth(1);
    const link = first.getByRole('link', { name: /^Events from/ });
    const query = new URL((await link.getAttribute('href'))!, daemon.url).searchParams;
    const { events } = await daemon.get(`/events?${query}&limit=1000`);
    const counts = await first.getByRole('cell').evaluateAll((cells) => cells.slice(0, 5).map((c) => Number(c.textContent!.replaceAll(',', ''))));
    if (counts.reduce((a, b) => a + b) <= 1000) {
      expect(counts).toEqual(['critical', 'error', 'warning', 'info', 'debug'].map((s) => events.filter((e: any) => e.severity === s).length));
    }
    await expectAccessible(page);
    await first.getByRole('button', { name: /^Zoom to/ }).press('Enter');
    await expect(page).toHaveURL(/since=/);
    await expect(timeline).toContainText('One bar is 5 min');
  });

  test('the bars have the colours of the theme', async ({ page, guard }) => {
    guard.allow(/willReadFrequently/); // the test reads the canvas, not the page
    await open(page, '/');
    const colours = () => page.locator('.timeline canvas').evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      const found = new Set<string>();
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] === 255) found.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
      }
      return [...found];
    });
    await expect.poll(colours).toEqual(expect.arrayContaining(['168,58,0', '122,89,0']));
    await page.emulateMedia({ colorScheme: 'dark' });
    await expect.poll(colours).toEqual(expect.arrayContaining(['255,167,102', '240,203,95']));
    await page.getByLabel(/settings/).click();
    await page.getByLabel('Theme').selectOption('light');
    await expect.poll(colours).toEqual(expect.arrayContaining(['168,58,0', '122,89,0']));
  });

  test('it says where events come from, and what was held back', async ({ page, daemon }) => {
    await open(page, '/');
    const { noise, by_source, by_category } = await daemon.get('/stats');
    for (const [title, counts, parameter] of [['Top sources', by_source, 'source'], ['Top categories', by_category, 'category']] as const) {
      const [name, n] = Object.entries(counts).sort((a: any, b: any) => b[1] - a[1])[0] as [string, number];
      const row = card(page, title).getByRole('listitem').first();
      await expect(row).toContainText(n.toLocaleString('en'));
      await expect(row.getByRole('link', { name })).toHaveAttribute('href', `/events?${parameter}=${name}`);
    }
    const told = card(page, 'Noise');
    await expect(told).toContainText(`${noise.events.toLocaleString('en')} events in`);
    await expect(told).toContainText(`${noise.messages} messages`);
    await expect(told.getByRole('listitem').filter({ hasText: 'inhibited' })).toContainText(`${noise.held_back.inhibition}`);
    await expect(told.getByRole('listitem').filter({ hasText: 'silenced' })).toContainText(`${noise.held_back.silence}`);
  });

  test('the first view takes no more than 150 KiB', async ({ page, context }) => {
    const session = await context.newCDPSession(page);
    await session.send('Network.enable');
    let transferred = 0;
    session.on('Network.loadingFinished', ({ encodedDataLength }) => {
      transferred += encodedDataLength;
    });
    await open(page, '/');
    await expect(page.locator('.timeline canvas')).toBeVisible();
    expect(transferred).toBeGreaterThan(50 * 1024);
    expect(transferred).toBeLessThanOrEqual(150 * 1024);
  });

  test('it is accessible, in both themes and on a phone', async ({ page }) => {
    await open(page, '/');
    await expectAccessible(page);
    await page.emulateMedia({ colorScheme: 'dark' });
    await expectAccessible(page);
    await page.setViewportSize({ width: 360, height: 740 });
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
  });
});

test.describe('nothing has happened', () => {
  test.use({ at: 'own', role: 'read', config: '[alerting]\nenabled = false\n' });

  test('it says that nobody is told, and how to send the first alert', async ({ page, daemon, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await open(page, '/');
    await expect(page.getByRole('heading', { name: 'Nothing is on fire' })).toBeVisible();
    await expect(page.getByRole('heading', { name: 'alertd tells nobody' })).toBeVisible();
    await expect(page.getByText('[alerting] enabled is false')).toBeVisible();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Copy the command' }).click();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    expect(command).toContain(`curl ${daemon.url}/alerts`);
    await daemon.post('/alerts', JSON.parse(command.match(/--json '(.*)'$/)![1]));
    await expect(page.getByRole('heading', { name: 'No alert has come yet' })).toBeHidden();
    await expect(card(page, 'Recent events')).toContainText('The first alert');
  });
});

test.describe('while it changes', () => {
  test.use({ at: 'own', role: 'operator' });

  const critical = (n: number) => ({ severity: 'critical', category: 'risk_limit', source: `gate_${n}`, message: `Limit ${n} is breached`, dedup_key: `k${n}` });

  test('what comes shows at once, and what somebody takes on too', async ({ page, daemon }) => {
    await daemon.alerts(critical(1));
    await open(page, '/');
    await expect(page.getByRole('heading', { name: '1 critical open' })).toBeVisible();
    await expect(page.getByText('Nobody is on it.')).toBeVisible();
    await daemon.alerts(critical(2));
    await expect(card(page, 'Recent events').getByRole('listitem').first()).toContainText('Limit 2 is breached');
    await expect(page.getByRole('heading', { name: '2 criticals open' })).toBeVisible();
    await expect(page.getByText('Nobody is on any of the 2.')).toBeVisible();
    await expect(page).toHaveTitle('(2) Overview · alertd');
    const { incidents } = await daemon.get('/incidents');
    await daemon.post(`/incidents/${incidents[0].incident_id}/acknowledge`, {}, 'operator');
    await expect(page.getByText('Nobody is on 1 of 2.')).toBeVisible({ timeout: 15_000 });
    await expect(card(page, 'Worst open incidents').getByRole('row').nth(2)).toContainText('operator');
  });

  test('nothing moves under the pointer', async ({ page, daemon }) => {
    await daemon.alerts(critical(1));
    await open(page, '/');
    const events = card(page, 'Recent events');
    await events.getByRole('listitem').first().hover();
    const worst = card(page, 'Worst open incidents');
    await daemon.alerts(critical(2));
    await expect(events).toContainText('1 new one when you point elsewhere');
    await expect(events.getByRole('listitem').first()).toContainText('Limit 1 is breached');
    await worst.getByRole('link', { name: 'Limit 2 is breached' }).hover();
    await expect(events.getByRole('listitem').first()).toContainText('Limit 2 is breached');
    await daemon.alerts(critical(3));
    await expect(worst).toContainText('The list waits while you point at it.');
    await expect(worst.getByRole('row').nth(1)).toContainText('Limit 2 is breached');
    await page.getByRole('heading', { name: 'Noise' }).hover();
    await expect(worst.getByRole('row').nth(1)).toContainText('Limit 3 is breached');
  });

  test('a lost connection is said, and what was missed is read', async ({ page, daemon, guard }) => {
    guard.allow(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|503/);
    await daemon.alerts(critical(1));
    await open(page, '/');
    await daemon.pause();
    await expect(page.getByText('alertd cannot be reached')).toBeVisible();
    await expect(page.getByText('Limit 1 is breached').first()).toBeVisible();
    await daemon.resume();
    await daemon.alerts(critical(2));
    await expect(page.getByText('alertd cannot be reached')).toBeHidden({ timeout: 20_000 });
    await expect(page.getByRole('heading', { name: '2 criticals open' })).toBeVisible();
    await expect(card(page, 'Recent events')).toContainText('Limit 2 is breached');
  });
});

test.describe('while alertd is away', () => {
  test.use({ at: 'own', role: 'operator' });

  test('nothing moves, and a page that was not loaded yet comes once it is back', async ({ page, daemon, guard }) => {
    guard.allow(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|503/);
    await daemon.alerts({ severity: 'error', category: 'other', source: 'feed', message: 'No prices' });
    await open(page, '/incidents');
    const row = page.locator('.incident-list .list-body [role=row]').first();
    const before = await row.boundingBox();
    await daemon.pause();
    await expect(page.getByText('alertd cannot be reached')).toBeVisible({ timeout: 15_000 });
    await expect(page.getByText('alertd cannot be reached')).toHaveCount(1);
    expect(await row.boundingBox()).toEqual(before);
    await page.getByRole('link', { name: 'Silences' }).click();
    await expect(page.getByText('This page was not loaded yet.')).toBeVisible();
    await daemon.resume();
    await expect(page.getByText('Nothing is silenced.')).toBeVisible({ timeout: 20_000 });
  });
});

test.describe('many', () => {
  test.use({ at: 'thousands', role: 'read' });

  test('the untouched criticals are shown of ten thousand incidents', async ({ page }) => {
    await open(page, '/');
    await expect(page.getByRole('heading', { name: '2,000 criticals open' })).toBeVisible();
    await expect(card(page, 'Worst open incidents').locator('tbody tr', { hasText: 'critical' })).toHaveCount(8);
  });

  for (const [width, height, address] of [[1440, 900, '/'], [1190, 800, '/'], [1330, 800, '/'], [1024, 768, '/'], [360, 740, '/'], [1440, 810, '/?wall'], [1280, 720, '/?wall']] as const) {
    test(`large figures fit at ${width}x${height} on ${address}`, async ({ page }) => {
      await page.setViewportSize({ width, height });
      await open(page, address);
      const beyond = await page.evaluate(() => [...document.querySelectorAll('.figures *, .wall-figures *, header.top > *, .top-right > *, .standing *')].filter((e) => {
        const box = e.getBoundingClientRect();
        const frame = e.closest('.answer, .wall-screen, header')!.getBoundingClientRect();
        return box.width > 0 && (box.right > frame.right + 1 || box.bottom > frame.bottom + 1 || e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).display !== 'inline');
      }).map((e) => `${e.className || e.tagName}: ${e.textContent}`));
      expect(beyond).toEqual([]);
    });
  }
});
