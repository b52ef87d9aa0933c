import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
/** git ignores this directory. */
const screenshots = join(root, 'build/screenshots');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** How a page is looked at: widths of a phone and of a desk, and both schemes of colours. */
const views = [
  { width: 380, colorScheme: 'dark', rules: '{}' },
  // The structure is the same. Only the colours are others.
  { width: 1280, colorScheme: 'light', rules: "{ runOnly: ['color-contrast'] }" },
] as const;

/** Debian's browser, for all tests of the file. */
export function useBrowser(): { open(path: string, name: string): Promise<Page> } {
  let browser: Browser | undefined;
  beforeAll(async () => {
    const executablePath = execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
    await mkdir(screenshots, { recursive: true });
    // Root has no sandbox, and a container no large /dev/shm.
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  });
  afterAll(() => browser?.close());
  return {
    open: async (path, name) => openEverywhere(await browser!.newPage(), path, name),
  };
}

/**
 * Opens a page in every view, and keeps pictures of it. Expects that it loads nothing else, reports nothing on the console, is
 * not wider than the screen, and has no violation of the rules of axe, also where everything is unfolded.
 */
async function openEverywhere(page: Page, path: string, name: string): Promise<Page> {
  const troubles: string[] = [];
  page.on('console', (message) => troubles.push(message.text()));
  page.on('pageerror', (error) => troubles.push(error.message));
  page.on('request', (request) => {
    if (request.url() !== `file://${path}`) troubles.push(`loads ${request.url()}`);
  });
  for (const { width, colorScheme, rules } of views) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme });
    if (page.url() === 'about:blank') await page.goto(`file://${path}`);
    await page.screenshot({ path: join(screenshots, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    await page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })");
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    expect(await violations(page, rules)).toEqual([]);
  }
  expect(troubles).toEqual([]);
  return page;
}

async function violations(page: Page, rules: string): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate<string[]>(
    `axe.run(${rules}).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes[0].html))`,
  );
}
