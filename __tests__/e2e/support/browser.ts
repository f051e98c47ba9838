import axe from 'axe-core';
import type { AxeResults } from 'axe-core';
import { chromium, type Browser, type Page } from 'playwright-core';
import { getTool } from './tools.ts';

export interface ViewerOptions {
  /** Of the admin listener. */
  readonly url: string;
  readonly width: number;
  readonly scheme?: 'light' | 'dark';
}

/** Somebody who looks at the page. The owner must `close` it. */
export interface Viewer {
  readonly page: Page;
  /** What the browser complained of: errors of scripts, breaches of the policy, requests to other machines. */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

/** Shorter than what a test may take, so that a failure names what was waited for. */
const waitMs = 15_000;

export const desktopWidth = 1280;
export const phoneWidth = 390;

/** Debian's Chromium, without a window. The owner must `close` it. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: getTool('chromium'), args: ['--no-sandbox'] });
}

export async function openViewer(browser: Browser, options: ViewerOptions): Promise<Viewer> {
  const { url, width, scheme = 'light' } = options;
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width, height: 800 },
    colorScheme: scheme,
    reducedMotion: 'reduce',
    locale: 'en-GB',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  page.setDefaultTimeout(waitMs);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // Answers of status 400 and above are what some tests are about.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) complaints.push(`request to ${request.url()}`);
  });
  return { page, complaints, close: () => context.close() };
}

/** What axe-core finds serious or critical, a sentence each. */
export async function findBarriers(page: Page): Promise<string[]> {
  // By the debugging protocol, which no policy of the page concerns.
  await page.evaluate(axe.source);
  const results: AxeResults = await page.evaluate('axe.run(document, { resultTypes: ["violations"] })');
  return results.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`);
}

/** By how many pixels the page is wider than its window. */
export function findOverflow(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}
