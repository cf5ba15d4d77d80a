// What an operator ends or removes with the console, in Chromium: nothing without confirmation,
// then all of it.

import assert from "node:assert/strict";
import { Browser } from "../support/browser.ts";
import { ConsoleSite } from "../support/console_site.ts";
import { until } from "../support/wait.ts";

const STREAM = "__defaultVhost__/live/show-00003";
/** The stream's publisher and viewers. */
const ITS_SESSIONS = ["p3", "v15", "v27", "v3"];

Deno.test("an operator ends all sessions of a stream, after confirming", async () => {
  await using site = await ConsoleSite.open();
  await using browser = await Browser.open();
  const { page, errors } = await browser.openPage(
    site.url(`#/streams/${encodeURIComponent(STREAM)}`),
  );
  const end = page.getByRole("button", { name: "End all sessions" });
  const dialog = page.getByRole("dialog", { name: "End all sessions of live/show-00003?" });
  await end.click();
  await dialog.getByText("At every proxy the publisher and 3 viewers of this stream").waitFor();
  assert.deepEqual(await Browser.accessibilityFaults(page), []);
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.deepEqual(site.kicked, [], "nothing is done without confirmation");
  await end.click();
  await dialog.getByRole("button", { name: "End all sessions" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.deepEqual([...site.kicked].sort(), ITS_SESSIONS);
  // No publisher and no players any more.
  await page.getByRole("button", { name: "End the publisher" }).waitFor({ state: "detached" });
  await page.locator("dt:text-is('Viewers') + dd:text-is('0')").waitFor();
  await page.getByRole("link", { name: "Its sessions" }).click();
  await page.getByText("There are no sessions").waitFor();
  assert.deepEqual(errors, []);
});

Deno.test("an operator removes an origin, after confirming", async () => {
  // One with sessions would be listed until they end.
  await using site = await ConsoleSite.open({ crowd: { origins: 3, streams: 0, viewers: 0 } });
  await using browser = await Browser.open();
  const { page, errors } = await browser.openPage(site.url("#/origins/vid-1"));
  const known = async () => (await site.desk.ask("GET", "/api/v1/origins")).body.total;
  const forget = page.getByRole("button", { name: "Forget", exact: true });
  const dialog = page.getByRole("dialog", { name: "Forget vid-1?" });
  await forget.click();
  await dialog.getByText("It is gone until its next heartbeat").waitFor();
  assert.deepEqual(await Browser.accessibilityFaults(page), []);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal(await known(), 3, "nothing is done without confirmation");
  await forget.click();
  await dialog.getByRole("button", { name: "Forget" }).click();
  let shown = "";
  await until("two origins", async () => {
    shown = await page.locator("body").innerText();
    return await known() === 2 && shown.includes("2 origins");
  }, { describe: () => shown });
  assert.equal(await page.getByRole("link", { name: "origin-1" }).count(), 0);
  await site.addOrigin(1);
  await page.getByRole("link", { name: "origin-1" }).waitFor();
  assert.deepEqual(errors, []);
});

Deno.test("an error is shown in the dialog that caused it", async () => {
  await using site = await ConsoleSite.open();
  await using browser = await Browser.open();
  const { page } = await browser.openPage(site.url("#/origins/vid-2"));
  await page.getByRole("button", { name: "Forget", exact: true }).click();
  await site.desk.registry.operations.forgetOrigin("vid-2");
  const dialog = page.getByRole("dialog", { name: "Forget vid-2?" });
  await dialog.getByRole("button", { name: "Forget" }).click();
  await dialog.getByText("Cannot find an origin with this id").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await until("the question be gone", async () => await dialog.count() === 0);
});
