// node report.mjs REPORT.html [FOLDER]: opens a report as people do, drives its filters and its search, and keeps
// pictures in the folder.
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { VIEWS, fits, inView, launch, picture } from "./open.mjs";

const [file, folder] = process.argv.slice(2);
if (!file) {
  console.error("usage: node report.mjs REPORT.html [FOLDER]");
  process.exit(2);
}

const visible = (page, selector) => page.locator(selector).filter({ visible: true }).count();

async function filters(page) {
  await page.locator("#filters > summary").click();
  const tasks = page.locator("input[name=task]");
  const columns = await visible(page, "#scores thead th.score");
  assert.equal(columns, await tasks.count(), "one column for each task at first");
  await page.locator("#all-metrics").check();
  assert.ok((await visible(page, "#scores thead th.score")) > columns, "all metrics are more");
  await page.locator("#all-metrics").uncheck();

  const figures = await visible(page, "figure[data-task]");
  const first = await tasks.first().inputValue();
  await tasks.first().uncheck();
  assert.equal(await visible(page, "#scores thead th.score"), columns - 1, "a task's column goes");
  assert.equal(await visible(page, `#scores td[data-task="${first}"]`), 0, "and its cells");
  assert.equal(await visible(page, `dl.best [data-task="${first}"]`), 0, "and its sentence");
  assert.ok((await visible(page, "figure[data-task]")) < figures, "and its plots");
  assert.equal(await page.locator("#answer-task option:not([disabled])").count(), columns - 1, "and its answers");
  assert.match(await page.locator("#filter-state").textContent(), new RegExp(`${columns - 1} of ${columns} tasks`));
  await tasks.first().check();

  const rows = await visible(page, "#scores tbody tr");
  const curves = await visible(page, "#training figure");
  await page.locator("#filter-candidate button[data-set=none]").click();
  assert.equal(await visible(page, "#scores tbody tr"), 0, "no candidate is left");
  assert.ok((await visible(page, "#training figure")) < curves, "curves of adapters go");
  await page.locator("#filter-candidate input").first().focus();
  await page.keyboard.press("Space");
  assert.equal(await visible(page, "#scores tbody tr"), 1, "a candidate comes back by the keyboard");
  await page.locator("#filter-candidate button[data-set=all]").click();
  assert.equal(await visible(page, "#scores tbody tr"), rows);
}

async function answers(page) {
  const example = page.locator("#answer-list article").first();
  assert.ok((await visible(page, "#answer-list article")) > 0, "examples are shown");
  const before = await example.locator(".answer").count();
  assert.equal(before, 2, "two candidates side by side at first");
  await page.locator("#answer-candidates input:not(:checked)").first().check();
  assert.equal(await example.locator(".answer").count(), before + 1, "a candidate more");
  assert.ok((await visible(page, "#answer-list mark")) > 0, "words that differ are marked");
  assert.ok((await visible(page, "#answer-list del")) > 0, "words that are missing are there");
  await page.locator("#answer-missing").uncheck();
  assert.equal(await visible(page, "#answer-list del"), 0, "unless they are not wanted");
  await page.locator("#answer-missing").check();

  const all = await page.locator("#answer-count").textContent();
  const question = await page.locator("#answer-list article").last().locator(".question").textContent();
  await page.locator("#answer-search").fill(question);
  await page.waitForFunction((all) => document.getElementById("answer-count").textContent !== all, all);
  assert.equal(await example.locator(".question").textContent(), question, "search finds an example by its question");
  await page.locator("#answer-search").fill("there is no such text anywhere");
  await page.waitForFunction(() => document.querySelectorAll("#answer-list article").length === 0);
  await page.locator("#answer-search").fill("");
  await page.waitForFunction((all) => document.getElementById("answer-count").textContent === all, all);

  if (await page.locator("#answer-on").isEnabled()) {
    await page.locator("#answer-on").click();
    assert.equal(await example.locator(".number").textContent(), "example 21", "the next page");
    await page.locator("#answer-back").click();
  }
  const tasks = await page.locator("#answer-task option").allTextContents();
  for (const task of tasks) {
    await page.locator("#answer-task").selectOption(task);
    assert.ok((await visible(page, "#answer-list article")) > 0, `examples of ${task}`);
    await fits(page);
  }
  await page.locator("#answer-task").selectOption(tasks[0]);
}

const browser = await launch();
if (browser) {
  try {
    for (const view of VIEWS) {
      await inView(browser, resolve(file), view, async (page, { url, requests }) => {
        const name = `report-${view.width}-${view.scheme}`;
        const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        const light = ground.match(/\d+/g).slice(0, 3).every((part) => Number(part) > 127);
        assert.equal(light ? "light" : "dark", view.scheme, "the page is light or dark as the reader has it");
        await fits(page);
        await picture(page, folder, name);
        await filters(page);
        await answers(page);
        await fits(page);
        await page.setViewportSize({ width: 690, height: 900 });
        await page.emulateMedia({ media: "print" });
        await fits(page);
        await picture(page, folder, `${name}-printed`);
        assert.deepEqual(requests, [url], "nothing but the page itself is asked for");
        console.log(`${name}: as it should be`);
      });
    }
  } finally {
    await browser.close();
  }
}
