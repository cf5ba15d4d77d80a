// The operator's console of a large installation in Chromium: how often a frame comes while its lists
// are scrolled, and what the page does for one. Bounds: 16.7 ms, and half of that. Run with
// `deno task bench:console`.

import { Browser } from "../support/browser.ts";
import { ConsoleSite } from "../support/console_site.ts";
import { scrollThrough } from "../support/scrolling.ts";
import { median, say } from "./comparing.ts";

const FRAMES = 300;
const LATE = 25;
const LISTS = [
  ["origins", "500 origins"],
  ["streams", "10,000 streams"],
  ["sessions", "20,000 sessions"],
] as const;

await using site = await ConsoleSite.open({
  crowd: { origins: 500, streams: 10_000, viewers: 10_000 },
});
await using browser = await Browser.open();
for (const [name, total] of LISTS) {
  const { page } = await browser.openPage(site.url(`#/${name}`));
  await page.getByText(total, { exact: true }).waitFor();
  const { gaps, work, empty } = await scrollThrough(page, FRAMES);
  const late = gaps.filter((gap) => gap > LATE).length;
  const [gap, share] = [median(gaps).toFixed(1), median(work).toFixed(1)];
  say(`${name.padEnd(8)} a frame every ${gap} ms (bound 16.7), ${share} ms of work (bound 8)`);
  say(`${"".padEnd(8)} ${late} of ${gaps.length} later than ${LATE} ms, ${empty} without rows`);
  await page.close();
}
