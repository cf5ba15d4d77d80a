// A client's requests about its session: more candidates, an ICE restart, its end. The URL says
// which origin has it, and the origin decides. RFC 9725 sections 4.2 and 4.3, RFC 8840.

import { blameOrigin, ProxyError, toProxyError } from "../../core/errors.ts";
import type { Origin } from "../../core/origin.ts";
import type { RtcSession } from "../../core/contracts.ts";
import { bytesOfText, textOfBytes } from "../../core/binary_text.ts";
import { originTagOf } from "../../core/origin_tag.ts";
import { mediaAddresses, rewriteAnswer } from "../../protocol/rtc/answer.ts";
import { credentialsOf, sessionOf } from "../../protocol/rtc/ice.ts";
import { encodeSdp, parseSdpFragment, type Sdp } from "../../protocol/rtc/sdp.ts";
import type { SessionTag } from "../../protocol/rtc/session_tag.ts";
import { mediaAddressesOf } from "./media_address.ts";
import type { OriginAnswer, OriginCall, RtcRequest } from "./origin_api.ts";
import { answerOptions, passedHeaders, passOn, refuse, refuseMethod } from "./responses.ts";
import type { SignalingServices } from "./services.ts";
import type { SessionPlace } from "./session_places.ts";
import { mediaTypeOf } from "./wish.ts";

const FRAGMENT = "application/trickle-ice-sdpfrag";
const METHODS = "DELETE, PATCH, OPTIONS";
/** Most bytes in the body of a PATCH. */
const MAX_FRAGMENT = 16384;
/** Statuses with which an origin says that a session has ended. */
const OVER: readonly number[] = [404, 410];

export class SessionExchange {
  readonly #services: SignalingServices;
  readonly #request: RtcRequest;
  readonly #tag: SessionTag;

  constructor(services: SignalingServices, request: RtcRequest, tag: SessionTag) {
    this.#services = services;
    this.#request = request;
    this.#tag = tag;
  }

  /** @throws ProxyError the error of the client, the origin or the registry */
  async run(): Promise<Response> {
    switch (this.#request.web.method) {
      case "OPTIONS":
        return answerOptions({ allow: METHODS, "accept-patch": FRAGMENT });
      case "DELETE":
        return await this.#end();
      case "PATCH":
        return await this.#patch();
      default:
        return refuseMethod(METHODS);
    }
  }

  async #end(): Promise<Response> {
    const { sessions } = this.#services;
    this.#request.hold.begin();
    const known = await this.#findSession();
    try {
      const answer = await this.#ask({ method: "DELETE" });
      const { status } = answer.response;
      const isOver = (status >= 200 && status < 300) || OVER.includes(status);
      if (isOver && known) await sessions.end(this.#tag.user, "deleted");
      return this.#pass(answer);
    } catch (thrown) {
      // An unreachable origin no longer serves the session, and the client wants to leave anyway.
      const error = toProxyError(thrown);
      if (known && error.source === "origin") await sessions.end(this.#tag.user, "deleted");
      throw error;
    }
  }

  async #patch(): Promise<Response> {
    const { web, hold } = this.#request;
    if (mediaTypeOf(web.headers.get("content-type")) !== FRAGMENT) {
      return refuse(415, `Cannot accept a body other than ${FRAGMENT}`, {
        "accept-patch": FRAGMENT,
      });
    }
    const { clock, timeouts } = this.#services.deps;
    const deadline = timeouts().head;
    const body = await hold.readBody(web, { limit: MAX_FRAGMENT, deadline, clock });
    const fragment = parseSdpFragment(textOfBytes(body));
    hold.begin();
    const known = await this.#findSession();
    using place = known && this.#placeFor(known, fragment);
    const answer = await this.#ask({ method: "PATCH", body });
    const { status, fields } = answer.response;
    const hasFragment = mediaTypeOf(fields.get("content-type")) === FRAGMENT;
    if (status !== 200 || !hasFragment) return this.#pass(answer);
    const answered = readAnswer(answer.body);
    if (place) await this.#restart(known, { fragment, answered, answer, place });
    const rewritten = rewriteAnswer(answered, await this.#services.advertiser.advertise(undefined));
    const headers = passedHeaders(answer.response);
    return new Response(bytesOfText(encodeSdp(rewritten)), { status, headers });
  }

  /**
   * Takes a place for the session that a restart creates beside the old one, which ends when it is
   * no longer used; undefined if the fragment only brings candidates.
   */
  #placeFor({ user }: RtcSession, fragment: Sdp): SessionPlace | undefined {
    const ufrag = credentialsOf(fragment)?.ufrag;
    if (ufrag === undefined || user.endsWith(`:${ufrag}`)) return undefined;
    return this.#services.deps.media.reserve(this.#request.client);
  }

  /** Opens the restarted session, if both sides have new credentials. */
  async #restart(session: RtcSession, restart: Restart): Promise<void> {
    const { fragment, answered, answer: { origin, address }, place } = restart;
    const theirs = credentialsOf(fragment);
    const mine = credentialsOf(answered);
    if (theirs === undefined || mine === undefined) return;
    const agreed = sessionOf(mine, theirs);
    if (agreed.user === session.user) return;
    const addresses = mediaAddresses(answered);
    const { media, otherMedia, ...rest } = session;
    const taken = addresses.length > 0
      ? mediaAddressesOf(origin, address, addresses)
      : { media, ...(otherMedia && { otherMedia }) };
    await this.#services.sessions.restart(this.#tag, { ...rest, ...agreed, ...taken }, place);
  }

  /**
   * Returns the session, if the proxy still knows it.
   *
   * @throws ProxyError `not_found` when the URL was not made for it
   */
  async #findSession(): Promise<RtcSession | undefined> {
    const found = await this.#services.sessions.find(this.#tag);
    if (found?.isProved === false) throw unknownSession();
    return found?.session;
  }

  #ask(call: Omit<OriginCall, "path" | "query">): Promise<OriginAnswer> {
    const { url: { pathname: path }, query, web } = this.#request;
    const route = { choose: (failed: readonly string[]) => this.#locate(failed), gone: web.signal };
    return this.#services.api.ask(this.#request, { ...call, path, query }, route);
  }

  async #locate(failed: readonly string[]): Promise<Origin> {
    const { key: { key: stream }, originTag } = this.#tag;
    const { resolver } = this.#services.deps;
    const origin = await resolver.locate({ stream, originTag, protocol: "api", failed });
    // The origin that has the stream now does not know this session.
    if (originTagOf(origin.id) !== originTag) throw unknownSession();
    return origin;
  }

  #pass({ response, body, origin }: OriginAnswer): Response {
    const originAddresses = origin.endpoints.api;
    const { host, url: { pathname: path } } = this.#request;
    return passOn(response, body, { host, path, originAddresses });
  }
}

interface Restart {
  readonly fragment: Sdp;
  readonly answered: Sdp;
  readonly answer: OriginAnswer;
  readonly place: SessionPlace;
}

function readAnswer(body: Uint8Array): Sdp {
  const message = "Origin does not answer with a usable fragment";
  return blameOrigin(message, () => parseSdpFragment(textOfBytes(body)));
}

function unknownSession(): ProxyError {
  return new ProxyError("not_found", "Cannot find this session");
}
