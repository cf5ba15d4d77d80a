// The engine with which origins are dialled: names the client and uses TLS, each where it is wanted, in the
// order in which they read it.

import type { TcpEngine } from "./engine.ts";
import { NamingEngine, type OriginHeader } from "./naming_engine.ts";
import { SecuringEngine, type TlsFailure } from "./securing_engine.ts";
import type { TlsClient } from "./tls/tls_client.ts";

export interface OriginEngineOptions {
  /** Called for every connection. */
  header(): OriginHeader;
  readonly client: TlsClient;
  /** See `SecuringEngine`. */
  onFailed(failure: TlsFailure): void;
}

/**
 * A PROXY header comes before TLS, for the balancer that ends it; SRS's prefix is a part of RTMP and
 * comes inside.
 */
export function originEngine(
  sockets: TcpEngine,
  { header, client, onFailed }: OriginEngineOptions,
): TcpEngine {
  const announcing = new NamingEngine(sockets, header, "v2");
  return new NamingEngine(new SecuringEngine(announcing, client, onFailed), header, "srs");
}
