// Scrolls through a list of the operator's console, and tells what the page does for a frame: in time, and
// in calls of its functions, which are as many on a busy machine. Knows nothing about what is listed.

import type { Page } from "./page.ts";

/** What was seen in frames that each show different rows. */
export interface Scrolled {
  /** Frames in which no row was there. */
  readonly empty: number;
  /** Milliseconds between two frames, in ascending order. */
  readonly gaps: readonly number[];
  /** Milliseconds that the page's code and layout take for a frame, in ascending order. */
  readonly work: readonly number[];
}

function scriptFor(frames: number): string {
  return `new Promise((resolve) => {
  const table = document.querySelector(".table");
  const step = (table.scrollHeight - table.clientHeight) / ${frames};
  const [gaps, work] = [[], []];
  let [before, begunAt, empty] = [undefined, undefined, 0];
  addEventListener("scroll", () => begunAt = performance.now(), { capture: true });
  const frame = (now) => {
    if (before !== undefined) gaps.push(now - before);
    if (begunAt !== undefined) work.push(performance.now() - begunAt);
    before = now;
    const sorted = (values) => values.sort((a, b) => a - b);
    if (gaps.length >= ${frames}) {
      return resolve({ gaps: sorted(gaps), work: sorted(work), empty });
    }
    const { top, height } = table.getBoundingClientRect();
    const middle = document.elementFromPoint(400, top + height / 2);
    if (!middle.closest(".row")) empty++;
    table.scrollTop += step;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})`;
}

/** Scrolls the list that a page shows from its first row to its last, in so many frames. */
export async function scrollThrough(page: Page, frames: number): Promise<Scrolled> {
  return await page.evaluate<Scrolled>(scriptFor(frames));
}

/** Counts the calls of the functions of a page, from before it is loaded until it has done something. */
export async function countCalls(page: Page, act: () => Promise<void>): Promise<number> {
  await page.coverage.startJSCoverage({ resetOnNavigation: false });
  await act();
  const scripts = await page.coverage.stopJSCoverage();
  const functions = scripts.flatMap(({ functions }) => functions);
  // The first range of a function is all of it.
  return functions.reduce((sum, { ranges: [whole] }) => sum + whole!.count, 0);
}
