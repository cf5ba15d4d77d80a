// Where an origin takes the media of a session. Media goes only to a registered address of the
// origin: the one in its answer may be what a client put there with `?eip=`. Pure.

import { ProxyError } from "../../core/errors.ts";
import type { MediaTarget } from "../../core/media_target.ts";
import type { Address } from "../../core/address.ts";
import type { Origin } from "../../core/origin.ts";

/**
 * The registered endpoint for WebRTC that has a port of the answer, else the first one; without any
 * the origin's address with a port of the answer.
 *
 * @param answered what the answer's candidates name, in order
 * @param asked the `?eip=` of the request, whose port the origin only repeats
 * @throws ProxyError `origin_gone` when neither tells a port
 */
export function mediaAddressOf(
  origin: Origin,
  answered: readonly Address[],
  asked?: MediaTarget,
): Address {
  const own = answered.filter(({ host, port }) => host !== asked?.host || port !== asked.port);
  const registered = origin.endpoints.rtc;
  const known = registered.find(({ port }) => own.some((address) => address.port === port));
  const first = known ?? registered[0];
  if (first !== undefined) return first;
  const told = own.find(({ host }) => host === origin.ip) ?? own[0];
  if (told !== undefined) return { host: origin.ip, port: told.port };
  throw new ProxyError("origin_gone", "Origin does not say where it takes media over UDP");
}
