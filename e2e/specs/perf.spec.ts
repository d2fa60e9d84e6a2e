// How fast the dashboard is, and that it stays so. make bench-dashboard runs it alone and for long, and
// prints the figures of docs/performance.md; beside other tests it is given more time.

import type { BrowserContext, CDPSession, Page } from '@playwright/test';
import type { Daemon } from '../lib/daemon.ts';
import { distinctAlerts } from '../lib/desk.ts';
import { expect, open, test } from '../lib/test.ts';

/** How long events come in live. */
const seconds = Number(process.env.PERF_SECONDS ?? 20);
/** How many times longer everything may take than the goals say. */
const slack = Number(process.env.PERF_SLACK ?? 4);

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function figure(what: string, value: string) {
  console.log(`  ${what}: ${value}`);
}

/** Notes when the page shows its data, and its long tasks, in milliseconds. */
async function note(page: Page) {
  await page.addInitScript(() => {
    const noted: any = ((window as any).noted = { ready: 0, long: [] });
    new MutationObserver(() => {
      if (document.documentElement?.dataset.ready && !noted.ready) {
        noted.ready = performance.now();
      }
    }).observe(document, { attributes: true, subtree: true, attributeFilter: ['data-ready'] });
    new PerformanceObserver((list) => noted.long.push(...list.getEntries().map((e) => Math.round(e.duration)))).observe({ type: 'longtask', buffered: true });
  });
}

const noted = (page: Page): Promise<{ ready: number; long: number[] }> => page.evaluate(() => (window as any).noted);

/** Forgets the long tasks until now. */
const forget = (page: Page) => page.evaluate(() => { (window as any).noted.long = []; });

async function expectNoLongTasks(page: Page, what: string) {
  const { long } = await noted(page);
  figure(`${what}: tasks over 50 ms`, long.length ? long.join(', ') + ' ms' : 'none');
  expect(long.filter((ms) => ms > 50 * slack), 'long tasks').toEqual([]);
}

/** The bytes that a page has on the heap, after the garbage is collected. */
async function heapOf(session: CDPSession) {
  for (let n = 0; n < 3; n++) {
    await session.send('HeapProfiler.collectGarbage');
  }
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find((m) => m.name === 'JSHeapUsedSize')!.value;
}

async function sessionOf(context: BrowserContext, page: Page) {
  const session = await context.newCDPSession(page);
  await session.send('Performance.enable');
  await session.send('Network.enable');
  return session;
}

test.describe('at the desk', () => {
  test.use({ at: 'desk', role: 'operator' });

  test('the first view is small and soon there', async ({ browser, context, daemon, page }) => {
    const session = await sessionOf(context, page);
    let transferred = 0;
    session.on('Network.loadingFinished', ({ encodedDataLength }) => (transferred += encodedDataLength));
    await open(page, '/');
    await page.waitForLoadState('load');
    figure('first view', `${(transferred / 1024).toFixed(1)} KiB transferred`);
    expect(transferred).toBeLessThanOrEqual(150 * 1024);

    const state = await context.storageState();
    const times: number[] = [];
    for (let n = 0; n < 7; n++) {
      const fresh = await browser.newContext({ baseURL: daemon.url, storageState: state }); // with an empty cache
      const first = await fresh.newPage();
      await note(first);
      await open(first, '/');
      times.push((await noted(first)).ready);
      await fresh.close();
    }
    figure('from navigation to data', `${Math.round(median(times))} ms (${times.map(Math.round).toSorted((a, b) => a - b).join(', ')})`);
    expect(median(times)).toBeLessThanOrEqual(500 * slack);
  });
});

/** Sends 50 alerts a second, of 200 problems, until the function it returns is called; that gives how many. */
function sendLive(daemon: Daemon) {
  const problems = distinctAlerts(200);
  let sent = 0;
  let failed: unknown;
  const timer = setInterval(() => {
    const now = Array.from({ length: 5 }, () => ({ ...problems[sent++ % problems.length], message: `Problem ${sent % 200} has the value ${sent}` }));
    daemon.post('/alerts', now).catch((error) => (failed ??= error));
  }, 100);
  return () => {
    clearInterval(timer);
    expect(failed).toBeUndefined();
    return sent;
  };
}

test.describe('50 events a second', () => {
  test.use({ at: 'own', role: 'operator', config: '[alerting]\nenabled = true\nmin_severity = "info"\ndefault_channels = []\n' });

  test('hold up no page, and none takes more and more memory', async ({ context, daemon }) => {
    test.setTimeout((seconds + 90) * 1000);
    await daemon.alerts(...distinctAlerts(200));
    const shown = await Promise.all(
      ['/', '/events', '/incidents'].map(async (path) => {
        const page = await context.newPage();
        await note(page);
        await open(page, path);
        await forget(page);
        return { path, page, session: await sessionOf(context, page), heaps: [] as { at: number; mib: number }[] };
      }),
    );
    const stop = sendLive(daemon);
    const started = Date.now();
    for (const part of [0.25, 0.5, 0.75, 1]) {
      await shown[0].page.waitForTimeout(Math.max(0, started + part * seconds * 1000 - Date.now()));
      for (const { path, page, session, heaps } of shown) {
        await expectNoLongTasks(page, `${path}, until ${Math.round(part * seconds)} s`);
        heaps.push({ at: Math.round((Date.now() - started) / 1000), mib: (await heapOf(session)) / 2 ** 20 });
        await forget(page); // the collection was not the page's wish
      }
    }
    const sent = stop();
    expect(sent).toBeGreaterThan((45 * seconds) / slack);
    for (const { path, heaps } of shown) {
      figure(`${path}: ${sent} events, heap`, heaps.map(({ at, mib }) => `${mib.toFixed(1)} MiB at ${at} s`).join(', '));
      expect(heaps.at(-1)!.mib - heaps[1].mib, 'growth in the second half, MiB').toBeLessThan(2);
    }
  });
});

test.describe('10,000 open incidents', () => {
  test.use({ at: 'thousands', role: 'operator' });

  test('are listed soon, and scroll without a halt', async ({ page }) => {
    test.setTimeout(120_000);
    await note(page);
    await open(page, '/incidents');
    const listed = () =>
      page.evaluate(() => performance.getEntriesByType('resource').filter((e) => new URL(e.name).pathname === '/incidents').map((e) => Math.round(e.duration)));
    figure('10,000 open incidents: the first answer, while the page begins', `${(await listed())[0]} ms`);
    const answers: number[] = [];
    for (let n = 0; n < 7; n++) {
      answers.push(
        await page.evaluate(async () => {
          const began = performance.now();
          await (await fetch('/incidents?status=triggered,acknowledged&limit=1000', { cache: 'no-store' })).text();
          return performance.now() - began;
        }),
      );
    }
    figure('the list of 1,000 of them', `${Math.round(median(answers))} ms`);
    expect(median(answers)).toBeLessThanOrEqual(100 * slack);

    await forget(page);
    const rows = page.getByRole('row');
    await rows.nth(3).hover();
    for (let row = 0; row < 5000; ) {
      await page.mouse.wheel(0, 2400);
      row = Number(await rows.last().getAttribute('aria-rowindex'));
    }
    await expectNoLongTasks(page, 'scrolling to row 5,000');
    const all = await listed();
    figure('each further answer', `${median(all)} ms (${Math.max(...all)} at most, of ${all.length})`);
    expect(median(all)).toBeLessThanOrEqual(100 * slack);
    expect(await rows.count(), 'rows in the page').toBeLessThan(120);
  });
});
