// The address to which a session's media is sent. Media goes only to registered addresses of the
// origin, because the address in its answer may be what a client put there with `?eip=`. Pure.

import { ProxyError } from "../../core/errors.ts";
import type { MediaTarget } from "../../core/media_target.ts";
import type { Address } from "../../core/address.ts";
import type { Origin } from "../../core/origin.ts";

/**
 * Returns the registered WebRTC endpoint whose port is in the answer, else the first one; of
 * several, the one whose host has just answered. Without a registered endpoint, returns the host
 * that has answered, with a port of the answer.
 *
 * @param reached the address at which the origin has answered, a registered one
 * @param answered the addresses in the answer's candidates, in order
 * @param asked the `?eip=` of the request, whose port the origin merely repeats
 * @throws ProxyError `origin_gone` when no port is known
 */
export function mediaAddressOf(
  { endpoints }: Origin,
  { host: reached }: Address,
  answered: readonly Address[],
  asked?: MediaTarget,
): Address {
  const own = answered.filter(({ host, port }) => host !== asked?.host || port !== asked.port);
  const isTold = ({ port }: Address) => own.some((address) => address.port === port);
  const isReached = ({ host }: Address) => host === reached;
  const told = endpoints.rtc.filter(isTold);
  const registered = told.length > 0 ? told : endpoints.rtc;
  const first = registered.find(isReached) ?? registered[0];
  if (first !== undefined) return first;
  const { port } = own.find(isReached) ?? own[0] ?? {};
  if (port !== undefined) return { host: reached, port };
  throw new ProxyError("origin_gone", "Origin does not say where it takes media over UDP");
}
