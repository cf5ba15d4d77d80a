// Actions of a publisher on the built-in pages.

import type { Page } from "./page.ts";
import { until } from "./wait.ts";
import { untilTold } from "./web_player.ts";

/** Chromium's test camera shows a face on a plain background. */
export const CAMERA_COLOURS = 3;

/** Publishes `live/show` from the open page, and waits until it says so. */
export async function publish(page: Page, source: "Camera" | "Test picture"): Promise<void> {
  await page.getByLabel("Stream", { exact: true }).fill("live/show");
  await page.getByRole("radio", { name: source }).check();
  await page.getByRole("button", { name: "Publish" }).click();
  await untilTold(page, "Publishing live/show");
}

/** Presses the Stop button. */
export async function pressStop(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Stop" }).click();
}

/** Waits until more frames have been sent than now. */
export async function untilItFlows(page: Page): Promise<void> {
  const seen = page.locator("[data-measure=frames]");
  const sent = async () => Number(await seen.innerText()) || 0;
  const before = await sent();
  await until("more pictures", async () => await sent() > before + 10);
}
