// The operator's console of the real program, while a real encoder publishes.

import assert from "node:assert/strict";
import { Authority } from "../support/certificates.ts";
import { Browser } from "../support/browser.ts";
import { Publisher } from "../support/ffmpeg.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import { freePorts } from "../support/ports.ts";
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

Deno.test("over HTTPS the console plays its preview over HTTPS too", async () => {
  await using authority = await Authority.open();
  await authority.pair();
  const [https, systemTls] = freePorts(2);
  await using proxy = await Proxy.open({
    PROXY_HTTPS_SERVER: `127.0.0.1:${https}`,
    PROXY_SYSTEM_API_TLS: `127.0.0.1:${systemTls}`,
    PROXY_TLS_CERT: authority.folder.file("pair1.pem"),
    PROXY_TLS_KEY: authority.folder.file("pair1.key"),
  });
  await using origin = await NodeMediaServer.open();
  await using _registration = await Registration.open([proxy], origin);
  await using _publisher = await Publisher.publish(proxy.rtmpUrl("show"));
  await using browser = await Browser.open();
  const key = "__defaultVhost__%2Flive%2Fshow";
  const { page, errors } = await browser.openPage(
    `https://127.0.0.1:${systemTls}/#/streams/${key}`,
  );
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Show a preview" }).click();
  await untilItMoves(page, { told: "Playing over HTTP-FLV, muted" });
  await page.getByRole("button", { name: "Stop the preview" }).click();
  const loaded = `performance.getEntriesByType("resource").map(({ name }) => name)`;
  await until("what the preview loaded", async () => {
    const urls = await page.evaluate<readonly string[]>(loaded);
    return urls.includes(`https://127.0.0.1:${https}/live/show.flv`);
  });
  assert.deepEqual(errors, []);
});
