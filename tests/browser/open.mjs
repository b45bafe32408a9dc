// Opens a page of ours in the system's Chromium as people see it (wide and narrow, light and dark), listens for
// everything that goes wrong in it, and knows the checks that each page must pass.
import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const CHROMIUM = process.env.EMAKEEL_CHROMIUM ?? "/usr/bin/chromium";

/** Each way that a page is looked at. */
export const VIEWS = [1280, 400].flatMap((width) => ["light", "dark"].map((scheme) => ({ width, scheme })));

/** The browser, or none where there is none; that is said. */
export async function launch() {
  if (!existsSync(CHROMIUM)) {
    console.log(`SKIPPED: there is no browser at ${CHROMIUM}; EMAKEEL_CHROMIUM names another`);
    return null;
  }
  return chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
}

/** Opens a page (a file or an address) in a view, hands it to `check`, and then asserts that nothing went wrong in it. */
export async function inView(browser, place, { width, scheme }, check) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme });
  try {
    const page = await context.newPage();
    const wrong = [];
    const requests = [];
    page.on("console", (said) => ["error", "warning"].includes(said.type()) && wrong.push(`console: ${said.text()}`));
    page.on("pageerror", (error) => wrong.push(`script: ${error.message}`));
    page.on("requestfailed", (request) => wrong.push(`request: ${request.url()} ${request.failure()?.errorText}`));
    page.on("response", (answer) => answer.status() >= 400 && wrong.push(`answer: ${answer.status()} ${answer.url()}`));
    page.on("request", (request) => requests.push(request.url()));
    const url = /^https?:/.test(place) ? place : pathToFileURL(place).href;
    await page.goto(url);
    await check(page, { url, requests });
    assert.deepEqual(wrong, [], "nothing goes wrong in the page");
  } finally {
    await context.close();
  }
}

/** Asserts that the page itself does not scroll sideways, and that no text is cut off by its own box. */
export async function fits(page) {
  const found = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const cut = [];
    for (const element of document.body.querySelectorAll("*")) {
      if (element.closest("svg, select, [hidden]") || !element.checkVisibility()) continue;
      const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== "");
      if (!hasText) continue;
      const style = getComputedStyle(element);
      const hides = ["hidden", "clip"].includes(style.overflowX) && element.scrollWidth > element.clientWidth + 1;
      // What scrolls in a box of its own can be reached; all else must lie inside the window.
      const scrolls = element.closest(".wide, pre") !== null;
      const box = element.getBoundingClientRect();
      const outside = !scrolls && (box.right > clientWidth + 1 || box.left < -1);
      if (hides || outside) cut.push(`${element.tagName} “${element.textContent.trim().slice(0, 60)}”`);
    }
    for (const text of document.querySelectorAll("svg[role=img] text")) {
      if (!text.checkVisibility()) continue;
      const [box, frame] = [text.getBoundingClientRect(), text.ownerSVGElement.getBoundingClientRect()];
      const outside = box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1;
      if (outside) cut.push(`svg text “${text.textContent}”`);
    }
    return { scrollWidth, clientWidth, cut };
  });
  assert.ok(found.scrollWidth <= found.clientWidth, `the page scrolls sideways: ${found.scrollWidth} > ${found.clientWidth}`);
  assert.deepEqual(found.cut, [], "no text is cut off");
}

/** Keeps a picture of the whole page, and of what is to be looked at closely. */
export async function picture(page, folder, name) {
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
