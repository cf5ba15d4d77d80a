// What a client is told when it is refused.

import type { Metrics } from "../../core/contracts.ts";
import { ProtocolError, ProxyError } from "../../core/errors.ts";
import { MemoryLimitError } from "../../core/memory_budget.ts";

/** The origin has refused the client before being asked for a stream. */
export class OriginRejection extends ProxyError {
  /** The `code` for the client's `onStatus`: the origin's own. */
  readonly status: string;

  constructor(status: string, description: string) {
    super("origin_refused", description || "Origin refuses the client");
    this.status = status || "NetConnection.Connect.Rejected";
  }
}

/**
 * Counts an error caused by the client, or by others that share its memory budget.
 *
 * @throws any other
 */
export function countFault(metrics: Metrics, error: unknown): ProxyError {
  if (error instanceof ProtocolError) {
    metrics.count("srs_proxy_rtmp_protocol_errors_total", { side: "client" });
    return error;
  }
  if (!(error instanceof MemoryLimitError)) throw error;
  metrics.count("srs_proxy_rtmp_refused_total", { reason: `memory_${error.level}` });
  return error;
}

/** Why a connection cannot go on, as an answer to no command in particular. */
export function callFailed(error: ProxyError): { code: string; description: string } {
  return { code: "NetConnection.Call.Failed", description: error.message };
}
