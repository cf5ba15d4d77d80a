// The address to which a session's media is sent. Media goes only to registered addresses of the
// origin, because the address in its answer may be what a client put there with `?eip=`. Pure.

import { ProxyError } from "../../core/errors.ts";
import type { MediaTarget } from "../../core/media_target.ts";
import type { RtcSession } from "../../core/contracts.ts";
import type { Address } from "../../core/address.ts";
import type { Origin } from "../../core/origin.ts";

/** Most addresses of an origin tried for one session. */
const MAX_ADDRESSES = 8;

/** The addresses to which a session's media may go. */
export type MediaAddresses = Pick<RtcSession, "media" | "otherMedia">;

/**
 * Returns the registered WebRTC endpoints whose port is in the answer, else all of them, those on
 * the host that has just answered first. Without registered endpoints, returns the host that has
 * answered, with a port of the answer.
 *
 * @param reached the address at which the origin has answered, a registered one
 * @param answered the addresses in the answer's candidates, in order
 * @param asked the `?eip=` of the request, whose port the origin merely repeats
 * @throws ProxyError `origin_gone` when no port is known
 */
export function mediaAddressesOf(
  { endpoints }: Origin,
  { host: reached }: Address,
  answered: readonly Address[],
  asked?: MediaTarget,
): MediaAddresses {
  const own = answered.filter(({ host, port }) => host !== asked?.host || port !== asked.port);
  const isTold = ({ port }: Address) => own.some((address) => address.port === port);
  const isReached = ({ host }: Address) => host === reached;
  const told = endpoints.rtc.filter(isTold);
  const registered = told.length > 0 ? told : endpoints.rtc;
  const ordered = [
    ...registered.filter(isReached),
    ...registered.filter((address) => !isReached(address)),
  ];
  const [media, ...otherMedia] = ordered.slice(0, MAX_ADDRESSES);
  if (media !== undefined) return otherMedia.length > 0 ? { media, otherMedia } : { media };
  const { port } = own.find(isReached) ?? own[0] ?? {};
  if (port !== undefined) return { media: { host: reached, port } };
  throw new ProxyError("origin_gone", "Origin does not say where it accepts media over UDP");
}
