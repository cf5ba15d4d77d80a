// What a publisher does on the built-in pages.

import type { Page } from "./page.ts";
import { untilTold } from "./web_player.ts";

/** Chromium's test camera shows a face on a plain ground. */
export const CAMERA_COLOURS = 3;

/** Publishes `live/show` from the page that has been opened, and waits until it says so. */
export async function publish(page: Page, source: "Camera" | "Test picture"): Promise<void> {
  await page.getByLabel("Stream", { exact: true }).fill("live/show");
  await page.getByRole("radio", { name: source }).check();
  await page.getByRole("button", { name: "Publish" }).click();
  await untilTold(page, "Publishing live/show");
}

/** Presses the button that ends what runs. */
export async function pressStop(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Stop" }).click();
}
