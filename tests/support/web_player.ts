// What a viewer of the built-in pages sees.

import type { Page } from "playwright-core";
import { until } from "./wait.ts";

/** Waits until a page tells its viewer something. */
export async function untilTold(page: Page, sentence: string): Promise<void> {
  const status = page.getByRole("status");
  let seen = "";
  const look = async () => (seen = await status.innerText()) === sentence;
  await until(sentence, look, { timeout: 20_000, describe: () => seen });
}

/** Waits until decoded pictures follow each other. */
export async function untilItMoves(page: Page): Promise<void> {
  const frames = () =>
    page.evaluate<number>(
      "document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames",
    );
  const first = await until("a picture", async () => await frames() || undefined, {
    timeout: 20_000,
  });
  await until("thirty more", async () => await frames() > first + 30);
  await untilTold(page, "Playing live/show");
}
