// Checks what a viewer of the built-in pages sees.

import type { Page } from "./page.ts";
import { until } from "./wait.ts";

/** Waits until a page shows its viewer a message. */
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

/** Records the messages that a page shows from now on, however briefly. */
export async function keepTold(page: Page): Promise<void> {
  await page.evaluate(`(() => {
    const status = document.querySelector("[role=status]");
    const told = globalThis.told = [status.innerText];
    new MutationObserver(() => told.push(status.innerText))
      .observe(status, { subtree: true, childList: true, characterData: true });
  })()`);
}

/** Waits until a page has shown a message since `keepTold`. */
export async function untilItHasTold(page: Page, sentence: RegExp): Promise<void> {
  let told: readonly string[] = [];
  await until(String(sentence), async () => {
    told = await page.evaluate<readonly string[]>("globalThis.told");
    return told.some((one) => sentence.test(one));
  }, { timeout: 20_000, describe: () => told.join("\n") });
}

/** Waits until decoded pictures change. */
export async function untilItMoves(
  page: Page,
  { timeout = 60_000, told = "Playing live/show" } = {},
): Promise<void> {
  const frames = () =>
    page.evaluate<number>(
      "document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames",
    );
  let seen = "";
  const first = await until("a picture", async () => {
    seen = await page.getByRole("status").innerText();
    return await frames() || undefined;
  }, { timeout, describe: () => seen });
  await until("thirty more", async () => await frames() > first + 30);
  await untilTold(page, told);
}

/** Seconds of media buffered ahead of the picture. */
export function secondsBehind(page: Page): Promise<number> {
  return page.evaluate<number>(`(() => {
    const { buffered, currentTime } = document.querySelector("video");
    return buffered.length === 0 ? 0 : buffered.end(buffered.length - 1) - currentTime;
  })()`);
}

/**
 * The colours of 32 by 18 points of the first video as currently drawn: red, green and blue of
 * each.
 */
const POINTS = `(() => {
  const [width, height] = [32, 18];
  const canvas = new OffscreenCanvas(width, height).getContext("2d");
  canvas.drawImage(document.querySelector("video"), 0, 0, width, height);
  const { data } = canvas.getImageData(0, 0, width, height);
  return Array.from({ length: width * height }, (_, at) => Array.from(data.slice(4 * at, 4 * at + 3)));
})()`;

/** The test picture has 30. A plain background has one, and at most two after encoding. */
const FEWEST_COLOURS = 8;

/**
 * Waits until a page's first video shows a picture of several colours, as the tests' has.
 * Screenshots are kept if SRS_PROXY_SCREENSHOTS names a folder.
 */
export async function untilPicture(
  page: Page,
  name: string,
  colours = FEWEST_COLOURS,
): Promise<void> {
  let seen = 0;
  const look = async () => {
    const points = await page.evaluate<readonly number[][]>(POINTS);
    seen = new Set(points.map((point) => point.map((value) => value >> 6).join())).size;
    return seen >= colours;
  };
  await until("a picture", look, { describe: () => `${seen} colours` });
  const folder = Deno.env.get("SRS_PROXY_SCREENSHOTS");
  if (folder) await page.screenshot({ path: `${folder}/${name}.png` });
}
