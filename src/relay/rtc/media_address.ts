// Where an origin takes the media of a session. Media goes only to a registered address of the
// origin: the one in its answer may be what a client put there with `?eip=`. Pure.

import { ProxyError } from "../../core/errors.ts";
import type { MediaTarget } from "../../core/media_target.ts";
import type { Address } from "../../core/address.ts";
import type { Origin } from "../../core/origin.ts";

/**
 * The registered endpoint for WebRTC that has a port of the answer, else the first one; of several, one
 * where the origin has answered just now. Without any, that address with a port of the answer.
 *
 * @param reached where the origin has answered, which is a registered address
 * @param answered what the answer's candidates name, in order
 * @param asked the `?eip=` of the request, whose port the origin only repeats
 * @throws ProxyError `origin_gone` when neither tells a port
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
