/**
 * The pictures of docs/images, taken from the running demonstration: `npm start`, and in another terminal
 * `node scripts/screenshots.ts [address] [folder]`. It signs in, calls the API now and then for four minutes, so that
 * the timeline is full, and takes the pictures.
 *
 * @module
 */
import { mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { chromium, type Page } from "playwright-core";

import { findChromium } from "./lib/chromium.ts";
import { ROOT } from "./lib/paths.ts";

const [address = "http://localhost:3000", folder = join(ROOT, "docs/images")] = process.argv.slice(2);
const LIVE_FOR_MS = Number(process.env["LIVE_FOR_SECONDS"] ?? 240) * 1000;
const MAX_BYTES = 300_000;
const WIDE = { width: 1280, height: 968 };
/** Higher than the whole live page, also on a phone. */
const WHOLE_PX = 4_400;
const PHONE = { width: 390, height: 1262 };

const executablePath = findChromium();
if (executablePath === undefined) throw new Error("No Chromium found: install it, or set CHROMIUM_PATH");
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
try {
  await takeAll();
} finally {
  await browser.close();
}

async function takeAll(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const context = await browser.newContext({ locale: "en-US", viewport: WIDE, deviceScaleFactor: 1.5 });
  const page = await context.newPage();
  await page.goto(`${address}/signin?callbackUrl=%2Flive`);
  await settle(page);
  await take(page, "signin", 760);

  await page.getByTestId("sign-in-demo").click();
  await page.locator("form#login input[name=username]").fill("alice");
  await page.locator("form#login input[name=password]").fill("alice-demo");
  await page.locator("form#login button[type=submit]").click();
  await page.getByTestId("timeline").waitFor();
  // Another tab, so that the devtools panel has something to tell of it.
  const other = await context.newPage();
  await other.goto(`${address}/live`);
  await page.bringToFront();
  await callNowAndThen(page);

  await take(page, "live");
  await takePanel(page);
  await language(page, "ko");
  await page.getByTestId("timeline").waitFor();
  await take(page, "live-ko");
  await language(page, "en");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.getByTestId("timeline").waitFor();
  await take(page, "live-dark");
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(PHONE);
  await take(page, "live-phone");
  await page.setViewportSize(WIDE);
  await page.goto(`${address}/protected`);
  await page.getByTestId("orders").waitFor();
  await take(page, "protected", 580);
}

/** The devtools panel of the live page, by itself. */
async function takePanel(page: Page): Promise<void> {
  await shoot(page, "devtools", WIDE.width);
  await page.emulateMedia({ colorScheme: "dark" });
  await shoot(page, "devtools-dark", WIDE.width);
  await page.emulateMedia({ colorScheme: "light" });
  await shoot(page, "devtools-phone", PHONE.width);
  await page.setViewportSize(WIDE);
}

async function shoot(page: Page, name: string, width: number): Promise<void> {
  // So high that nothing has to scroll below the page's head.
  await page.setViewportSize({ width, height: WHOLE_PX });
  const panel = page.getByTestId("this-tab");
  await settle(page);
  const path = resolve(folder, `${name}.png`);
  await panel.screenshot({ path });
  report(path);
}

/** A call or some every few seconds, as a user makes them; two tokens of three are left to the idle tab. */
async function callNowAndThen(page: Page): Promise<void> {
  const endMs = Date.now() + LIVE_FOR_MS;
  for (let turn = 0; Date.now() < endMs; turn++) {
    const [left, token] = await Promise.all(
      ["seconds-left", "counter-refreshes"].map((id) => page.getByTestId(id).textContent()),
    );
    if (Number(left) > 24 || Number(token) % 3 === 0)
      await page.getByTestId(turn % 5 === 3 ? "call-many" : "call-one").click();
    await page.waitForTimeout(3_000 + (turn % 3) * 2_000);
  }
  // The newest token is drawn with its whole future.
  await page.getByTestId("seconds-left").filter({ hasText: /^3\d$/ }).waitFor({ timeout: 90_000 });
}

async function language(page: Page, locale: string): Promise<void> {
  await page.getByTestId("language").click();
  await page.getByTestId(`language-${locale}`).click();
  await page.waitForURL(/live/);
  await settle(page);
}

/** Fonts are there, nothing moves, and no pointer lies on anything. */
async function settle(page: Page): Promise<void> {
  await page.mouse.move(0, 0);
  await page.evaluate(() => document.fonts.ready);
  await page.waitForTimeout(1_200);
}

/** Takes the top of the page, as high as the window or as given. */
async function take(page: Page, name: string, heightPx?: number): Promise<void> {
  await page.evaluate(() => scrollTo(0, 0));
  await settle(page);
  const path = resolve(folder, `${name}.png`);
  const { width, height } = page.viewportSize() ?? WIDE;
  await page.screenshot({ path, clip: { x: 0, y: 0, width, height: heightPx ?? height } });
  report(path);
}

function report(path: string): void {
  const { size } = statSync(path);
  console.log(`${path} ${Math.round(size / 1000)} kB${size > MAX_BYTES ? ": too large" : ""}`);
}
