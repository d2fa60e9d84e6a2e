// Every page, for each role, in each size, light and dark: it shows its data, is accessible, does not
// scroll sideways, and does nothing that lib/test.ts watches for. The screenshots are for people.

import { expect, expectAccessible, expectNoSidewaysScroll, open, type Place, test } from '../lib/test.ts';
import { addressOf, pages } from '../lib/pages.ts';

const sizes = [
  { width: 1440, height: 900 },
  { width: 1024, height: 768 },
  { width: 360, height: 740 },
];

const aboutIncidents = ['overview', 'incidents', 'incident', 'events', 'event'];

/** The first sees all; the others see what is different there. */
const tours: { at: Place; role: 'admin' | 'operator' | 'read' | null; only?: string[] }[] = [
  { at: 'desk', role: 'admin' },
  { at: 'desk', role: 'operator' },
  { at: 'desk', role: 'read' },
  { at: 'empty', role: 'operator' },
  { at: 'ten', role: 'operator', only: aboutIncidents },
  { at: 'thousands', role: 'operator', only: aboutIncidents },
  { at: 'open', role: null, only: ['overview', 'audit', 'config'] },
];

for (const { at, role, only } of tours) {
  test.describe(`${at}, ${role ?? 'nobody is signed in'}`, () => {
    test.use({ at, role });
    for (const shown of pages.filter(({ name }) => only?.includes(name) ?? true)) {
      test(shown.name, async ({ page, daemon }) => {
        test.slow();
        const path = (await addressOf(shown, daemon)) ?? '';
        if (path === '') {
          expect(at, 'the place that has nothing to show on this page').toBe('empty');
          return;
        }
        for (const size of sizes) {
          await page.setViewportSize(size);
          await open(page, path);
          await expectNoSidewaysScroll(page);
          for (const colorScheme of ['light', 'dark'] as const) {
            await page.emulateMedia({ colorScheme });
            // What a role or an alertd lacks has no colours of its own.
            if (size.width !== 1024 && (colorScheme === 'light' || role === 'admin')) {
              await expectAccessible(page);
            }
            await page.screenshot({ path: `pictures/${at}-${role}/${shown.name}-${size.width}-${colorScheme}.png` });
          }
        }
      });
    }
  });
}
