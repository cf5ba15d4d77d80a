// What a viewer of the built-in pages sees.

import type { Page } from "./page.ts";
import { until } from "./wait.ts";

/** Waits until a page tells its viewer something. */
export async function untilTold(
  page: Page,
  sentence: string | RegExp,
  timeout = 20_000,
): Promise<void> {
  const status = page.getByRole("status");
  let seen = "";
  const look = async () => {
    seen = await status.innerText();
    return typeof sentence === "string" ? seen === sentence : sentence.test(seen);
  };
  await until(String(sentence), look, { timeout, describe: () => seen });
}

/** Waits until decoded pictures follow each other. */
export async function untilItMoves(page: Page, timeout = 40_000): Promise<void> {
  const frames = () =>
    page.evaluate<number>(
      "document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames",
    );
  const first = await until("a picture", async () => await frames() || undefined, {
    timeout,
  });
  await until("thirty more", async () => await frames() > first + 30);
  await untilTold(page, "Playing live/show");
}

/** Seconds of media that lie ready before the picture. */
export function secondsBehind(page: Page): Promise<number> {
  return page.evaluate<number>(`(() => {
    const { buffered, currentTime } = document.querySelector("video");
    return buffered.length === 0 ? 0 : buffered.end(buffered.length - 1) - currentTime;
  })()`);
}
