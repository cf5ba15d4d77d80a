// A proxy with one origin and a browser, for tests of the play page.

import type { Page } from "./page.ts";
import { Browser } from "./browser.ts";
import type { OriginServer } from "./origin_server.ts";
import { Proxy } from "./proxy.ts";
import { registeredOrigins, Registration } from "./register.ts";
import { until } from "./wait.ts";

/** A proxy with one origin, and a browser. */
export interface Stage {
  readonly proxy: Proxy;
  readonly browser: Browser;
  readonly url: string;
}

/** Opens the three, runs a test on them and closes them. */
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

/** Keeps a picture of a page where SRS_PROXY_SCREENSHOTS names a folder for it. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const kept = Deno.env.get("SRS_PROXY_SCREENSHOTS");
  if (kept) await page.screenshot({ path: `${kept}/${name}.png` });
}
