// A proxy with one origin and a browser, for tests of the play page.

import type { Page } from "./page.ts";
import { Browser } from "./browser.ts";
import type { OriginServer } from "./origin_server.ts";
import { Proxy } from "./proxy.ts";
import { registeredOrigins, Registration } from "./register.ts";
import { until } from "./wait.ts";

export interface Stage {
  readonly proxy: Proxy;
  readonly browser: Browser;
  readonly url: string;
}

/** Runs a test with a proxy, its origin and a browser. */
export async function onStage(
  open: () => Promise<OriginServer>,
  play: (stage: Stage) => Promise<void>,
): Promise<void> {
  await using proxy = await Proxy.open();
  await using origin = await open();
  await using _registration = await Registration.open([proxy], origin);
  await until("the origin be known", async () => (await registeredOrigins(proxy)).length === 1);
  await using browser = await Browser.open();
  await play({ proxy, browser, url: `http://127.0.0.1:${proxy.ports.httpServer}/` });
}

/** Saves a screenshot of a page if SRS_PROXY_SCREENSHOTS names a folder. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const kept = Deno.env.get("SRS_PROXY_SCREENSHOTS");
  if (kept) await page.screenshot({ path: `${kept}/${name}.png` });
}
