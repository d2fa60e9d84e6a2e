import { execFileSync } from 'node:child_process';
import { expect, expectAccessible, expectNoSidewaysScroll, open, test } from '../lib/test.ts';
import { until } from '../lib/daemon.ts';
import type { Page } from '@playwright/test';

const rows = '.list-body [role=row]';
const alert = (message: string, more: object = {}) => ({ severity: 'warning', category: 'other', source: 'e2e', message, ...more });
const messages = (page: Page) => page.locator(`${rows} a`).allTextContents();

/** Lets go of the list: the pointer is elsewhere. */
const away = (page: Page) => page.getByRole('heading', { name: 'Events' }).hover();

test.describe('history', () => {
  test.use({ at: 'desk', role: 'read' });

  test('is shown newest first, and is filtered by what the address says', async ({ page, daemon }) => {
    await open(page, '/events');
    const { events } = await daemon.get('/events?limit=10');
    expect((await messages(page)).slice(0, 10)).toEqual(events.map((e: any) => e.message));

    await page.getByLabel('Least severity').selectOption('error');
    await page.getByLabel('Category').selectOption('execution_error');
    await page.getByLabel('Source').fill('strategy_1');
    await page.getByLabel('Source').press('Enter');
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    await page.keyboard.type('ORDER 1001');
    await page.getByLabel('When').selectOption('1h');
    await expect(page).toHaveURL(/min_severity=error&category=execution_error&source=strategy_1&last=1h&q=ORDER\+1001/);
    await expect(page.locator(rows)).toHaveText([/error.*strategy_1.*Order 1001 was rejected/]);
    await page.reload();
    await expect(page.getByLabel('Message has')).toHaveValue('ORDER 1001');
    await expect(page.locator(rows)).toHaveCount(1);

    await page.getByRole('button', { name: 'source strategy_1' }).click();
    await page.getByRole('button', { name: 'category execution_error' }).click();
    await page.getByLabel('Message has').fill('no such thing');
    await expect(page.getByText('No event matches.')).toBeVisible();
    await page.getByRole('link', { name: 'Show all events' }).click();
    await expect(page).toHaveURL(/\/events$/);
    await expect(page.getByLabel('Message has')).toHaveValue('');
    await expect(page.locator(rows).first()).toBeVisible();
  });

  test('is narrowed down to a span of time', async ({ page, daemon }) => {
    const { events } = await daemon.get('/events?limit=1000');
    const [since, to] = [events[600].timestamp, events[400].timestamp];
    const query = new URLSearchParams({ since, until: to });
    await open(page, `/events?${query}`);
    const { events: within } = await daemon.get(`/events?${query}&limit=200`);
    expect(within.length).toBeGreaterThan(100);
    await expect(page.getByLabel('When')).toHaveValue('exact');
    await expect(page.getByText(`${within.length} events since`)).toBeVisible();
    await page.locator('.account summary').click();
    await page.getByLabel('Times').selectOption('utc');
    await page.keyboard.press('Escape');
    await page.getByLabel('to before').fill('2020-01-02T03:04:05');
    await expect(page).toHaveURL(/until=2020-01-02T03%3A04%3A05Z/);
    await expect(page.getByText('No event matches.')).toBeVisible();
  });

  test('says what is allowed where the address asks for nonsense', async ({ page, guard }) => {
    guard.allow(/400 \(Bad Request\)/);
    await open(page, '/events?since=yesterday');
    await expect(page.getByRole('alert').filter({ hasText: 'since' })).toBeVisible();
  });

  test('opens an event with all its fields, by keyboard, and leads to its incident', async ({ page, daemon }) => {
    await open(page, '/events?q=Order+1001');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    const details = page.getByRole('complementary', { name: 'Details of the event' });
    await expect(details.getByText('Order 1001 was rejected: the market is halted')).toBeVisible();
    const { events } = await daemon.get('/events?q=Order+1001');
    const event = await daemon.get(`/events/${events[0].event_id}`);
    for (const text of [event.event_id, event.incident_id, String(event.seq), 'execution_error', 'strategy_1']) {
      await expect(details.getByText(text, { exact: true })).toBeVisible();
    }
    await expect(details.getByLabel('Context')).toContainText('"quantity": 250');
    await expectAccessible(page);
    await page.reload();
    await expect(details.getByLabel('Context')).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(details).toBeHidden();
    await expect(page).not.toHaveURL(/event=/);
    await page.goBack();
    await details.getByRole('link', { name: 'Event', exact: true }).click();
    await expect(page).toHaveURL(`${daemon.url}/events/${event.event_id}`);
    await expect(page.getByLabel('Context')).toBeVisible();
    await expectAccessible(page);
    await page.getByRole('link', { name: 'Open the incident' }).click();
    await expect(page).toHaveURL(`${daemon.url}/incidents/${event.incident_id}`);
  });

  test('leads from an event to those like it', async ({ page }) => {
    await open(page, '/events?q=Order+1001');
    await page.locator(rows).first().click();
    await page.getByRole('complementary').getByRole('link', { name: 'strategy_1' }).click();
    await expect(page.getByRole('button', { name: 'source strategy_1' })).toBeVisible();
    await expect(page).toHaveURL(/\/events\?source=strategy_1$/);
  });

  test('says that there is no such event', async ({ page, guard }) => {
    guard.allow(/404 \(Not Found\)/);
    await open(page, '/events/019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55');
    await expect(page.getByRole('alert').filter({ hasText: 'event' })).toContainText('removed by retention');
  });

  test('fits a phone', async ({ page }) => {
    await page.setViewportSize({ width: 360, height: 740 });
    await open(page, '/events?min_severity=error');
    await expectNoSidewaysScroll(page);
    await page.getByRole('button', { name: 'Filters (1)' }).click();
    await expect(page.getByLabel('Least severity')).toHaveValue('error');
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
    await page.locator(rows).first().click();
    await page.getByRole('button', { name: 'Close the details' }).click();
    await expect(page.locator(rows).first()).toBeVisible();
  });
});

test.describe('long history', () => {
  test.use({ at: 'thousands', role: 'read' });

  test('comes as one scrolls, with few rows in the page and at most 5,000 kept', async ({ page }) => {
    await open(page, '/events');
    const body = page.locator('.list-body');
    for (let had = 200; had < 5000; had += 200) {
      await body.evaluate((el) => { el.scrollTop = el.scrollHeight; });
      await expect(page.getByText(new RegExp(`^(${(had + 200).toLocaleString('en')}) events since`))).toBeVisible();
    }
    expect(await page.locator(rows).count()).toBeLessThan(100);
    await expect(page.getByText('This page keeps 5,000.')).toBeVisible();
    await body.evaluate((el) => { el.scrollTop = el.scrollHeight; });
    await expect(page.locator(rows).last()).toContainText('problem 5000');
    await page.getByRole('link', { name: /show those until/ }).click();
    await expect(page).toHaveURL(/until=/);
    await expect(page.locator(rows).first()).toContainText(/problem \d/);
  });
});

test.describe('live', () => {
  test.use({ at: 'own', role: 'operator' });

  test('shows new events at once, and holds them while the list is paused, pointed at, focused or scrolled', async ({ page, daemon }) => {
    await daemon.alerts(...Array.from({ length: 100 }, (_, i) => alert(`old ${i}`)));
    await open(page, '/events');
    await expect(page.getByText('Live', { exact: true })).toBeVisible();
    await away(page);
    const first = page.locator(rows).first();
    const held = async (what: string, hold: () => Promise<unknown>, release: () => Promise<unknown>) => {
      await test.step(what, async () => {
        const before = await first.textContent();
        await hold();
        await daemon.alerts(alert(`${what} 1`), alert(`${what} 2`));
        await expect(page.getByRole('button', { name: '2 new' })).toBeVisible();
        await expect(first).toHaveText(before!);
        await release();
        await expect(first).toContainText(`${what} 2`);
        await expect(page.locator(rows).nth(1)).toContainText(`${what} 1`);
        await away(page);
      });
    };
    await daemon.alerts(alert('at once'));
    await expect(first).toContainText('at once');
    await held('pause', () => page.getByRole('button', { name: 'Pause' }).click(), () => page.getByRole('button', { name: 'Go on' }).click());
    await held('space', () => page.keyboard.press(' '), () => page.keyboard.press(' '));
    await held('pointer', () => first.hover(), () => away(page));
    await held('focus', () => page.locator('.list-body').focus(), () => page.keyboard.press('Escape'));
    await held('keyboard', () => page.keyboard.press('j'), () => page.keyboard.press('Escape'));
    await held('scroll', () => page.locator('.list-body').evaluate((el) => { el.scrollTop = 64; }), () => page.getByRole('button', { name: '2 new' }).click());
    await held('details', () => first.getByRole('link').click(), () => page.getByRole('button', { name: 'Close the details' }).click().then(() => page.keyboard.press('Escape')));
  });

  test('filters live events as GET /events does', async ({ page, daemon }) => {
    const filter = 'min_severity=warning&category=other&category=risk_limit&source=e2e&source=gate&q=Gr%C3%96SSE';
    await open(page, `/events?${filter}`);
    await expect(page.getByText('No event matches.')).toBeVisible();
    await daemon.alerts(
      alert('größe 1'), alert('GRÖSSE 2'), alert('Die Grösse 3', { category: 'risk_limit', source: 'gate' }), alert('grösse 4', { severity: 'info' }),
      alert('grösse 5', { category: 'compliance' }), alert('grösse 6', { source: 'e2e2' }), alert('grösse 7', { severity: 'critical' }), alert('nothing'),
    );
    const { events } = await daemon.get(`/events?${filter}`);
    expect(events.map((e: any) => e.message)).toEqual(['grösse 7', 'Die Grösse 3', 'GRÖSSE 2']);
    await expect.poll(() => messages(page)).toEqual(events.map((e: any) => e.message));
  });

  test('filters live events by when they happened', async ({ page, daemon }) => {
    const filter = 'since=2026-01-02T00:00:00.000500Z&until=2026-01-02T01:00:00%2B01:00';
    await open(page, `/events?${filter}`);
    await expect(page.getByText('No event matches.')).toBeVisible();
    await open(page, '/events?since=2026-01-02T00:00:00.000500Z&until=2026-01-02T02:00:00%2B01:00');
    await daemon.alerts(...['2026-01-02T00:00:00.000499Z', '2026-01-02T00:00:00.0005Z', '2026-01-02T00:59:59.999999Z', '2026-01-02T01:00:00Z'].map((timestamp) => alert(timestamp, { timestamp })));
    await expect.poll(() => messages(page)).toEqual(['2026-01-02T00:59:59.999999Z', '2026-01-02T00:00:00.0005Z']);
  });

  test('has neither a gap nor a double after a lost connection', async ({ page, daemon, guard }) => {
    guard.allow(/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY_RESPONSE|Failed to load resource/);
    await daemon.alerts(alert('before'));
    await open(page, '/events');
    await expect(page.getByText('Live', { exact: true })).toBeVisible();
    await daemon.pause();
    await expect(page.getByText(/alertd cannot be reached/)).toBeVisible();
    await daemon.resume();
    await daemon.alerts(...Array.from({ length: 300 }, (_, i) => alert(`meanwhile ${i}`)));
    await expect(page.getByText('301 events since')).toBeVisible();
    await daemon.alerts(alert('after'));
    await expect(page.locator(rows).first()).toContainText('after');
    await expect(page.getByText('302 events since')).toBeVisible();
  });

  test('misses nothing that comes between the first page and the stream', async ({ page, daemon }) => {
    await daemon.alerts(alert('before'));
    let release = () => {};
    const released = new Promise<void>((resolve) => { release = resolve; });
    await page.route(/\/events\?limit=1$/, async (route) => { // with this the stream begins
      await released;
      await route.continue();
    });
    await open(page, '/events');
    await expect(page.locator(rows)).toHaveText([/before/]);
    await daemon.alerts(alert('between'));
    release();
    await expect(page.locator(rows)).toHaveText([/between/, /before/]);
  });

  test('is empty at first, and says how to send an alert', async ({ page, daemon }) => {
    await open(page, '/events');
    await expect(page.getByText('No alert has been sent yet.')).toBeVisible();
    await expectAccessible(page);
    const command = await page.getByLabel('The command').textContent();
    execFileSync('sh', ['-c', command!], { env: { ...process.env, ALERTD_TOKEN: daemon.token('ingest') }, stdio: 'pipe' });
    await expect(page.locator(rows)).toContainText(['The first alert']);
  });

  test('copies an event with every digit, as JSON and as commands that work', async ({ page, daemon, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const message = `it's "quoted" $HOME \`id\` \\ é\u2028 \n!`;
    const body = `{"severity": "error", "category": "other", "source": "o'brien", "message": ${JSON.stringify(message)}, "dedup_key": "k'1", "context": {"big": 12345678901234567890123, "exact": 1.10, "deep": {"a": [1, {}], "s": "}{\\"],["}}}`;
    const token = daemon.token('admin');
    const { event_id } = await (await fetch(`${daemon.url}/alerts`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body })).json() as any;
    await open(page, `/events/${event_id}`);
    await expect(page.getByLabel('Context')).toHaveText(/"big": 12345678901234567890123,\n  "exact": 1\.10,\n  "deep": \{\n    "a": \[\n      1,\n      \{\}\n    \],\n    "s": "\}\{\\"\],\["\n  \}\n\}/, { useInnerText: true });
    const copied = async (what: string) => {
      await page.getByRole('button', { name: what, exact: true }).click();
      await expect(page.getByText('was copied').last()).toBeVisible();
      return page.evaluate(() => navigator.clipboard.readText());
    };
    const json = await copied('JSON');
    expect(json).toContain('"big": 12345678901234567890123');
    expect(JSON.parse(json).event_id).toBe(event_id);
    const run = (command: string) => execFileSync('sh', ['-c', command], { encoding: 'utf8', env: { ...process.env, ALERTD_TOKEN: token }, stdio: ['ignore', 'pipe', 'ignore'] });
    const get = await copied('curl to read it');
    expect(get).not.toContain(token);
    expect(JSON.parse(run(get)).message).toBe(message);
    const again = JSON.parse(run(await copied('curl to send it again')));
    const first = await daemon.get(`/events/${event_id}`);
    expect(again.event_id).not.toBe(event_id);
    for (const field of ['severity', 'category', 'source', 'message', 'context', 'dedup_key']) {
      expect(again[field], field).toEqual(first[field]);
    }
    await until('both are in the same incident', async () => (await daemon.get(`/events/${again.event_id}`)).incident_id === (await daemon.get(`/events/${event_id}`)).incident_id);
  });
});

test.describe('without tokens', () => {
  test.use({ at: 'open' });
  test('a copied command names none', async ({ page }) => {
    await open(page, '/events?q=no+such');
    await open(page, '/events');
    await expect(page.getByLabel('The command')).not.toContainText('Authorization');
  });
});
