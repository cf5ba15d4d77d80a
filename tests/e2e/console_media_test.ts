// The operator's console of the real program, while a real encoder publishes.

import assert from "node:assert/strict";
import { Browser } from "../support/browser.ts";
import { Publisher } from "../support/ffmpeg.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import { Proxy } from "../support/proxy.ts";
import { Registration } from "../support/register.ts";
import { until } from "../support/wait.ts";
import { untilItMoves } from "../support/web_player.ts";

const TOKEN = "secret-of-a-test";
const PICTURES = Deno.env.get("CONSOLE_PICTURES");

Deno.test("an operator sees a stream with its picture and traffic, and ends it", async () => {
  await using proxy = await Proxy.open({ PROXY_ADMIN_TOKEN: TOKEN });
  await using origin = await NodeMediaServer.open();
  await using _registration = await Registration.open([proxy], origin);
  await using publisher = await Publisher.publish(proxy.rtmpUrl("show"));
  await using browser = await Browser.open();
  const { page, errors } = await browser.openPage(proxy.systemUrl("/#/streams"));
  await page.getByLabel("Admin token", { exact: true }).fill(TOKEN);
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "live/show" }).click();
  await page.getByRole("heading", { name: "live/show" }).waitFor();
  await page.getByText(/^127\.0\.0\.1:\d+, rtmp$/).waitFor();
  await page.getByRole("button", { name: "Show a preview" }).click();
  await untilItMoves(page, { told: "Playing over HTTP-FLV, muted" });
  await until("the preview be counted", async () => {
    return await page.getByText("1 · http 1").count() === 1;
  });
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/preview.png` });
  await page.getByRole("button", { name: "Stop the preview" }).click();

  await page.getByRole("link", { name: "Overview" }).click();
  const traffic = page.locator("figure:has-text('Traffic')");
  const first = await until("traffic", async () => {
    const text = await traffic.innerText();
    return /from clients\s+[\d.]+ [kM]bit\/s/.test(text) && text;
  }, { timeout: 20_000 });
  await until("other traffic", async () => await traffic.innerText() !== first, {
    timeout: 20_000,
  });
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/traffic.png` });

  await page.getByRole("link", { name: "Sessions", exact: true }).click();
  await page.getByRole("button", { name: /^End the session of 127/ }).click();
  await page.getByText("The publisher of live/show over rtmp is disconnected.").waitFor();
  await page.getByRole("button", { name: "End session" }).click();
  await publisher.process.ended;
  await page.getByText("There are no sessions").waitFor();
  const refused = errors.filter((text) => !text.includes("401"));
  assert.deepEqual(refused, [], "except the request that finds out whether a token is needed");
});
