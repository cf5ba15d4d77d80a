// Binding a port: which addresses stand for "all of them", and one clear message when it fails.

import { formatAddress, type ListenAddress } from "../core/endpoint.ts";
import { ProxyError } from "../core/errors.ts";

/**
 * Binds `[::]`, which takes IPv4 too, where no address is given, and 0.0.0.0 where IPv6 is off.
 *
 * @param name what listens, for the error: "RTMP"
 * @throws ProxyError `internal` that says what could not be bound and why
 */
export function bind<T>(
  name: string,
  { host, port }: ListenAddress,
  listen: (where: { hostname: string; port: number }) => T,
): T {
  const hosts = host === undefined ? ["::", "0.0.0.0"] : [host];
  let cause: unknown;
  for (const hostname of hosts) {
    try {
      return listen({ hostname, port });
    } catch (error) {
      cause = error;
      if (error instanceof Deno.errors.AddrInUse) break;
    }
  }
  const where = formatAddress({ host: host ?? "::", port });
  const why = cause instanceof Error ? cause.message : String(cause);
  throw new ProxyError("internal", `Cannot listen for ${name} on ${where}: ${why}`, { cause });
}
