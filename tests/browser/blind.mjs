// A person rates a whole blind page with the keyboard: node blind.mjs PAGE.html [NAMES] [OUT]
// NAMES are the candidates, with commas between, none of which the page may give away. Into OUT (a folder; a temporary one
// if not given) go screenshots and the ratings.json that the page's button downloads.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [file, names = "", out = mkdtempSync(join(tmpdir(), "blind-"))] = process.argv.slice(2);
assert.ok(file, "usage: node blind.mjs PAGE.html [NAMES] [OUT]");
const executable = process.env.EMAKEEL_CHROMIUM ?? "/usr/bin/chromium";
if (!existsSync(executable)) {
  console.log(`SKIPPED: there is no browser at ${executable}; EMAKEEL_CHROMIUM names another`);
  process.exit(0);
}
mkdirSync(out, { recursive: true });
const html = readFileSync(file, "utf8");
const { page: id, pairs } = JSON.parse(html.match(/id="pairs">(.*?)<\/script>/s)[1]);

// What the page says of itself, without the questions and answers, which may hold any word.
const own = html.replace(/"(question|left|right)":"(?:[^"\\]|\\.)*"/g, "").toLowerCase();
for (const name of names.split(",").filter(Boolean)) {
  assert.ok(!own.includes(name.toLowerCase()), `the page gives away ${name}`);
}
assert.ok(pairs.length >= 4, "a page with four pairs or more");

const browser = await chromium.launch({ executablePath: executable, args: ["--no-sandbox"] });
const url = pathToFileURL(file).href;
const wrong = [];

/** A page of its own context, every complaint and request of which is noted. */
async function open(width, scheme) {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme: scheme, acceptDownloads: true });
  const page = await context.newPage();
  page.on("console", (said) => ["error", "warning"].includes(said.type()) && wrong.push(`console: ${said.text()}`));
  page.on("pageerror", (error) => wrong.push(`script: ${error.message}`));
  page.on("request", (request) => {
    const asked = request.url();
    if (asked !== url && !/^(data|blob):/.test(asked)) wrong.push(`request: ${asked}`);
  });
  await page.goto(url);
  return { context, page };
}

async function shot(page, name) {
  await page.screenshot({ path: join(out, `${name}.png`), fullPage: true });
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= window, `${name}: the page scrolls sideways, ${wide} > ${window}`);
}

const count = (page) => page.locator("#count").textContent();
const shown = async (page) => {
  const [question, left, right] = await Promise.all(["question", "left", "right"].map((at) => page.locator(`#${at}`).textContent()));
  return { question, left, right };
};
const same = (text, seen) => seen === (text.trim() === "" ? "(no answer)" : text);

try {
  for (const width of [1280, 400]) {
    for (const scheme of ["light", "dark"]) {
      const { context, page } = await open(width, scheme);
      await shot(page, `${width}-${scheme}`);
      await context.close();
    }
  }

  const { context, page } = await open(1280, "light");
  const keys = { 1: "left", ArrowLeft: "left", 2: "right", ArrowRight: "right", 0: "tie", ArrowDown: "tie", b: "bad" };
  const expected = [];
  for (const [at, pair] of pairs.entries()) {
    assert.equal(await count(page), `${at} of ${pairs.length} rated`);
    const seen = await shown(page);
    assert.ok(["question", "left", "right"].every((part) => same(pair[part], seen[part])), `pair ${at} is shown`);
    if (at === 1) {
      // A name may have the letters that rate elsewhere.
      await page.fill("#rater", "");
      await page.type("#rater", "Bob 012 u");
      assert.equal(await count(page), `1 of ${pairs.length} rated`, "letters of a name rate nothing");
      await page.locator("h1").click();
    }
    if (at === 2) {
      await page.keyboard.press("u");
      assert.equal(await count(page), `1 of ${pairs.length} rated`);
      await page.keyboard.press("b");
      expected[1].choice = "bad";
    }
    if (at === Math.floor(pairs.length / 2)) {
      await page.reload();
      assert.equal(await count(page), `${at} of ${pairs.length} rated`, "a reload goes on where it was");
      assert.equal(await page.inputValue("#rater"), "Bob 012 u");
      assert.ok(same(pair.question, (await shown(page)).question));
    }
    const key = Object.keys(keys)[at % Object.keys(keys).length];
    await page.keyboard.press(key);
    expected.push({ id: pair.id, choice: keys[key] });
  }
  assert.equal(await count(page), `${pairs.length} of ${pairs.length} rated`);
  assert.ok(await page.locator("#end").isVisible());
  await page.keyboard.press("1");
  assert.equal(await count(page), `${pairs.length} of ${pairs.length} rated`, "there is nothing more to rate");
  await shot(page, "end");

  // The button is reached and pressed without a mouse too.
  await page.locator("#download").focus();
  const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
  assert.equal(download.suggestedFilename(), "ratings.json");
  await download.saveAs(join(out, "ratings.json"));
  const written = JSON.parse(readFileSync(join(out, "ratings.json"), "utf8"));
  assert.deepEqual(written, { format: "emakeel ratings 1", page: id, rater: "Bob 012 u", ratings: expected });
  await context.close();
  assert.deepEqual(wrong, [], "nothing goes wrong in the page");
  console.log(`${pairs.length} pairs rated with the keyboard; ${join(out, "ratings.json")}`);
} finally {
  await browser.close();
}
