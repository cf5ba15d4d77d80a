// Opens what the operator's console needs: its pages, and the history behind its charts. A part of app.ts.

import { History } from "../api/history.ts";
import { operatorConsole } from "../console/operator_console.ts";
import type { Address } from "../core/address.ts";
import type { Lanes } from "../lane/lanes.ts";
import { ABOUT, type Surroundings } from "./surroundings.ts";

/** The history of the last minutes, over all lanes. */
export function openHistory({ clock, metrics }: Surroundings, lanes: Lanes): History {
  return History.open({ clock, source: metrics, refresh: () => lanes.report() });
}

/** The pages; previews are played from the HTTP server. */
export function openConsole(httpServer: {
  readonly address: Address;
  readonly secureAddress: Address | undefined;
}): ReturnType<typeof operatorConsole> {
  return operatorConsole({
    httpPort: httpServer.address.port,
    httpsPort: httpServer.secureAddress?.port,
    version: ABOUT.version,
  });
}
