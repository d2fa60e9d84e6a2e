// What specs use: import { expect, test } from '../lib/test.ts'. README.md tells how.

import AxeBuilder from '@axe-core/playwright';
import { type BrowserContext, test as base, expect, type Page } from '@playwright/test';
import { Daemon, type Role } from './daemon.ts';
import { startDesk, startWithIncidents } from './desk.ts';

export { expect };

/** Watches what a page must not do. */
export class Guard {
  private readonly seen: string[] = [];
  private readonly allowed: RegExp[] = [];

  /** Says that a problem is what the test is about. */
  allow(...problems: RegExp[]) {
    this.allowed.push(...problems);
  }

  async watch(context: BrowserContext, daemon: Daemon) {
    const note = (problem: string) => this.seen.push(problem);
    await context.exposeBinding('noteViolation', (_, what: string) => note(`policy: ${what}`));
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (e) => (window as any).noteViolation(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
    });
    context.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) {
        note(`console: ${message.text()} (${message.location().url})`);
      }
    });
    context.on('weberror', (error) => note(`page: ${error.error().stack}`));
    context.on('dialog', (dialog) => {
      note(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    context.on('request', (request) => {
      const { protocol, host: asked } = new URL(request.url());
      if (['http:', 'https:', 'ws:', 'wss:'].includes(protocol) && asked !== new URL(daemon.url).host) {
        note(`request to another host: ${request.url()}`);
      }
    });
  }

  /** What was seen and not allowed. */
  problems() {
    return this.seen.filter((problem) => !this.allowed.some((allowed) => allowed.test(problem)));
  }
}

/** The alertds that the tests of a worker share. Each starts when a test first asks for it. */
const places = {
  /** The trading day, with each state of each page: desk.ts. */
  desk: startDesk,
  /** Nothing has happened. */
  empty: () => Daemon.start(),
  /** Ten open incidents. */
  ten: () => startWithIncidents(10),
  thousands: () => startWithIncidents(10_000),
  /** Without tokens. */
  open: () => Daemon.start({ open: true }),
};

export type Place = keyof typeof places;

interface Fixtures {
  /** The alertd of the page, of those that are shared; own is one of this test alone, to change, and ownOpen one without tokens. */
  at: Place | 'own' | 'ownOpen';
  /** Who is signed in; null is nobody. */
  role: Exclude<Role, 'ingest'> | null;
  /** The configuration of own. */
  config: string | undefined;
  daemon: Daemon;
  guard: Guard;
}

interface Shared {
  shared: (place: Place) => Promise<Daemon>;
}

export const test = base.extend<Fixtures, Shared>({
  shared: [
    async ({}, use) => {
      const started = new Map<Place, Promise<Daemon>>();
      await use((place) => {
        if (!started.has(place)) {
          started.set(place, places[place]());
        }
        return started.get(place)!;
      });
      for (const daemon of await Promise.all(started.values())) {
        await daemon.stop();
      }
    },
    { scope: 'worker', timeout: 60_000 },
  ],

  at: ['desk', { option: true }],
  role: ['admin', { option: true }],
  config: [undefined, { option: true }],

  daemon: [
    async ({ at, config, shared }, use) => {
      if (at !== 'own' && at !== 'ownOpen') {
        return use(await shared(at));
      }
      const daemon = await Daemon.start({ config, open: at === 'ownOpen' });
      await use(daemon);
      await daemon.stop();
    },
    { timeout: 120_000 },
  ],

  guard: async ({}, use) => use(new Guard()),

  baseURL: async ({ daemon }, use) => use(daemon.url),

  context: async ({ context, daemon, guard, role, at }, use) => {
    await guard.watch(context, daemon);
    if (role && at !== 'open' && at !== 'ownOpen') {
      await context.request.post('/login', { data: { token: daemon.token(role) } });
    }
    await use(context);
    expect(guard.problems(), 'what a page must not do').toEqual([]);
  },
});

/** Opens a page and waits until it shows its data. */
export async function open(page: Page, path: string) {
  await page.goto(path);
  await ready(page);
}

/** Waits until the page shows its data. */
export function ready(page: Page) {
  return expect(page.locator('html')).toHaveAttribute('data-ready', 'true');
}

/** Fails if axe-core finds a violation of WCAG 2.2 A or AA. */
export async function expectAccessible(page: Page) {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
  const found = violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((n) => [n.target.join(' '), n.failureSummary].join('\n')) }));
  expect(found, 'axe-core').toEqual([]);
}

/** Fails if the page scrolls sideways, once it has adapted to the window. */
export async function expectNoSidewaysScroll(page: Page) {
  const tooWide = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await expect.poll(tooWide, { message: 'by how much the page is wider than the window' }).toBeLessThanOrEqual(0);
}
