import { expect, expectAccessible, open, test } from '../lib/test.ts';

test.use({ at: 'empty', role: null });

for (const role of ['read', 'operator', 'admin'] as const) {
  test(`${role} signs in with a token, sees who they are, and signs out`, async ({ page, daemon }) => {
    await page.goto('/login');
    await page.getByLabel('Token').fill(daemon.token(role));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page).toHaveURL(/^(?!.*login)/);
    await page.goto('/login');
    await expect(page.getByRole('heading')).toHaveText('You are signed in');
    await expect(page.getByRole('definition').nth(0)).toHaveText(role);
    await expect(page.getByRole('definition').nth(1)).toHaveText(role);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await expect(page.getByRole('heading')).toHaveText('Sign in');
    expect(await page.context().cookies()).toEqual([]);
  });
}

test('a wrong token is refused, and the page says so', async ({ page, guard }) => {
  guard.allow(/401 \(Unauthorized\).*\/login/);
  await page.goto('/login');
  await page.getByLabel('Token').fill('alertd_nonsense');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toContainText('Not signed in: the token');
  await expect(page.getByLabel('Token')).toHaveAttribute('aria-invalid', 'true');
  await expectAccessible(page);
});

test('who signs in goes on to where they wanted to be', async ({ page, daemon }) => {
  await page.goto('/login?next=%2Fdocs%23severity');
  await page.getByLabel('Token').fill(daemon.token('read'));
  await page.getByLabel('Token').press('Enter');
  await expect(page).toHaveURL(`${daemon.url}/docs#severity`);
});

for (const next of ['https://evil.example.com', '//evil.example.com', '/\\evil.example.com']) {
  test(`signing in leads to no other host: ${next}`, async ({ page, daemon }) => {
    await page.goto(`/login?next=${encodeURIComponent(next)}`);
    await page.getByLabel('Token').fill(daemon.token('read'));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page).toHaveURL((url) => url.host === new URL(daemon.url).host && url.pathname !== '/login');
  });
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the page to sign in is accessible, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await page.goto('/login');
    await expect(page.getByLabel('Token')).toBeFocused();
    await expectAccessible(page);
  });
}

test.describe('without tokens', () => {
  test.use({ at: 'open' });
  test('no sign-in is needed', async ({ page }) => {
    await page.goto('/login');
    await expect(page.getByRole('heading')).toHaveText('No sign-in is needed');
    await expectAccessible(page);
  });
});

test.describe('the menu of who is signed in', () => {
  test.use({ at: 'desk', role: 'read' });
  test('closes by Escape, by a click beside it, and when the focus leaves it', async ({ page }) => {
    await open(page, '/channels');
    const menu = page.getByLabel('Theme');
    const summary = page.locator('.account summary');
    await summary.click();
    await menu.focus();
    await page.keyboard.press('Escape');
    await expect(menu).toBeHidden();
    await expect(summary).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(menu).toBeVisible();
    await page.getByRole('heading', { name: 'Channels' }).click();
    await expect(menu).toBeHidden();
    await summary.click();
    await menu.press('Shift+Tab');
    await expect(menu).toBeVisible();
    await page.keyboard.press('Shift+Tab');
    await expect(menu).toBeHidden();
  });
});

test('a token that may only send alerts signs in, and is told which role reads', async ({ page, daemon }) => {
  await page.goto('/login?next=%2Fincidents');
  await page.getByLabel('Token').fill(daemon.token('ingest'));
  await page.getByLabel('Token').press('Enter');
  await expect(page.getByText('This page needs the role read.')).toBeVisible();
  await expect(page.locator('.connection')).toBeHidden();
  await page.getByRole('link', { name: 'sign in as somebody else' }).click();
  await expect(page.getByRole('button', { name: 'Sign out' })).toBeVisible();
});
