// Opens the metrics: where the figures of the process come from, and which are read only on request. A
// part of app.ts.

import { PrometheusMetrics } from "../api/metrics.ts";
import type { Clock } from "../core/clock.ts";
import type { Registrar } from "../core/registrar.ts";
import { PROTOCOLS } from "../core/origin.ts";
import type { Metrics } from "../core/contracts.ts";
import { Descriptors } from "../net/descriptors.ts";
import { commit, version } from "../core/version.ts";

/** Opens the metrics of the process and what they are read from. */
export function openMetrics(stack: AsyncDisposableStack, clock: Clock): PrometheusMetrics {
  const descriptors = Descriptors.open();
  if (descriptors !== undefined) stack.use(descriptors);
  const metrics = new PrometheusMetrics({
    ...{ version, commit },
    descriptors: () => ({ open: descriptors?.count(), limit: descriptors?.limit }),
  });
  stack.use(metrics.watchEventLoop(clock));
  return metrics;
}

/** Updates the metrics that are read only on request. */
export async function refreshMetrics(
  metrics: Metrics,
  registry: Registrar,
  isDraining: boolean,
): Promise<void> {
  metrics.gauge("srs_proxy_draining", isDraining ? 1 : 0);
  const origins = await registry.origins().catch(() => undefined);
  for (const protocol of PROTOCOLS) {
    const aside = origins?.filter(({ setAsideFor }) => protocol in setAsideFor).length;
    if (aside !== undefined) metrics.gauge("srs_proxy_origins_set_aside", aside, { protocol });
  }
}
