// One offer, from choosing its origin to answering its client with the origin's answer, rewritten
// to point at the proxy. Opens the session before answering. RFC 9725 section 4.2.

import { formatAddress } from "../../core/endpoint.ts";
import { blameOrigin, ProtocolError, ProxyError, toProxyError } from "../../core/errors.ts";
import type { MediaTarget } from "../../core/media_target.ts";
import type { Address } from "../../core/address.ts";
import type { Origin } from "../../core/origin.ts";
import type { RtcSession, TriedOrigin } from "../../core/contracts.ts";
import { bytesOfText, textOfBytes } from "../../core/binary_text.ts";
import { mediaAddresses, rewriteAnswer } from "../../protocol/rtc/answer.ts";
import { agreeOnIce, credentialsOf } from "../../protocol/rtc/ice.ts";
import { parseJsonObject, replaceMember } from "../../protocol/rtc/json_text.ts";
import { encodeSdp, parseSdp, type Sdp } from "../../protocol/rtc/sdp.ts";
import { encodeSessionTag } from "../../protocol/rtc/session_tag.ts";
import { askedTarget } from "./advertiser.ts";
import { mediaAddressesOf } from "./media_address.ts";
import type { OriginAnswer, RtcRequest } from "./origin_api.ts";
import { passedHeaders, passOn } from "./responses.ts";
import { isBare } from "./rtc_endpoint.ts";
import type { SignalingServices } from "./services.ts";
import type { SessionPlace } from "./session_places.ts";
import { proofOf, readLocation, SESSION_FOLDER, sessionAddress } from "./session_address.ts";
import { mediaTypeOf, utf8Of, type Wish } from "./wish.ts";

const UNUSABLE = "Origin does not answer with a usable session";

export class OfferExchange {
  readonly #services: SignalingServices;
  readonly #request: RtcRequest;
  readonly #wish: Wish;
  readonly #requestId: string;
  readonly #tried: TriedOrigin[] = [];

  constructor(services: SignalingServices, request: RtcRequest, wish: Wish) {
    this.#services = services;
    this.#request = request;
    this.#wish = wish;
    this.#requestId = services.deps.newSession();
  }

  /** @throws ProxyError the error of the client, an origin or the registry */
  async run(): Promise<Response> {
    const { resolver } = this.#services.deps;
    try {
      return await this.#exchange();
    } catch (thrown) {
      const error = toProxyError(thrown);
      this.#logRefused(error);
      throw error;
    } finally {
      // Releases the request's hold, accepted or not. The session has an id of its own and holds
      // the stream from its client's first signed request on; until then the stream keeps its
      // origin but is not live.
      resolver.release(this.#requestId);
    }
  }

  async #exchange(): Promise<Response> {
    const { deps, api } = this.#services;
    const { path, query, body, sdp } = this.#wish;
    const offer = parseSdp(sdp);
    if (credentialsOf(offer) === undefined) {
      throw new ProtocolError("Cannot find usable ice-ufrag and ice-pwd in the offer");
    }
    const asked = askedTarget(query);
    using place = deps.media.reserve(this.#request.client);
    const answer = await api.ask(this.#request, { method: "POST", path, query, body }, {
      choose: (failed) => this.#chooseOrigin(failed),
      failed: (origin, { code }) => this.#tried.push({ origin, code }),
      gone: this.#request.web.signal,
      outlivesClient: true,
    });
    const accepted = blameOrigin(UNUSABLE, () => acceptedSdp(this.#wish, answer));
    if (accepted === undefined) return this.#passRefusal(answer);
    try {
      this.#requireClient();
      await deps.resolver.confirm(this.#requestId);
      return await this.#accept(answer, { offer, accepted, asked, place });
    } catch (error) {
      this.#abandon(answer);
      throw error;
    }
  }

  #chooseOrigin(failed: readonly string[]): Promise<Origin> {
    const { key: { key: stream }, intent } = this.#wish;
    const session = this.#requestId;
    return this.#services.deps.resolver.resolve({
      ...{ stream, protocol: "api", intent, session, failed },
    });
  }

  async #accept(answer: OriginAnswer, agreed: Agreed): Promise<Response> {
    const { sessions, advertiser } = this.#services;
    const { sdp, session } = blameOrigin(UNUSABLE, () => this.#agree(answer, agreed));
    const rewritten = rewriteAnswer(sdp, await advertiser.advertise(agreed.asked));
    await sessions.open(session, agreed.place);
    try {
      this.#requireClient();
    } catch (error) {
      await sessions.end(session.user, "client_closed");
      throw error;
    }
    return this.#answerWith(answer, encodeSdp(rewritten), session);
  }

  #requireClient(): void {
    if (this.#request.web.signal.aborted) throw new ProxyError("client_gone", "Client has left");
  }

  #agree(
    { origin, address }: OriginAnswer,
    { offer, accepted, asked }: Agreed,
  ): { sdp: Sdp; session: RtcSession } {
    const sdp = parseSdp(accepted);
    const { key: { key: stream }, intent } = this.#wish;
    const answered: Address[] = mediaAddresses(sdp);
    if (answered.length === 0) throw new ProtocolError("Cannot find a candidate over UDP");
    const media = mediaAddressesOf(origin, address, answered, asked);
    return {
      sdp,
      session: { ...agreeOnIce(offer, sdp), stream, intent, origin: origin.id, ...media },
    };
  }

  #answerWith(
    { response, body, origin }: OriginAnswer,
    sdp: string,
    session: RtcSession,
  ): Response {
    const headers = passedHeaders(response);
    if (!isBare(this.#wish.kind)) {
      return new Response(replaceMember(utf8Of(body), "sdp", sdp), {
        status: response.status,
        headers,
      });
    }
    headers.set("content-type", "application/sdp");
    const location = headers.get("location");
    const address = location && this.#sessionAddress(location, origin, session);
    if (address) headers.set("location", address);
    else headers.delete("location");
    return new Response(bytesOfText(sdp), { status: response.status, headers });
  }

  /** The session's URL for the client; undefined if it cannot lead to the session. */
  #sessionAddress(location: string, origin: Origin, session: RtcSession): string | undefined {
    const led = readLocation(location, this.#locationContext(origin));
    if (led?.place === "elsewhere") return location;
    if (!led?.path.startsWith(SESSION_FOLDER)) return undefined;
    const { key, intent } = this.#wish;
    const { user } = session;
    const proof = proofOf(session);
    const tag = encodeSessionTag({ key, origin: origin.id, intent, user, proof });
    return sessionAddress(led.path, led.query, tag);
  }

  #locationContext(origin: Origin) {
    const originAddresses = origin.endpoints.api;
    return { host: this.#request.host, path: this.#wish.path, originAddresses };
  }

  #passRefusal({ response, body, origin }: OriginAnswer): Response {
    const message = `Origin has refused with status ${response.status}`;
    this.#logRefused(new ProxyError("origin_refused", message));
    return passOn(response, body, this.#locationContext(origin));
  }

  /** Deletes the session at the origin, so that it does not block the stream. */
  #abandon({ response, origin }: OriginAnswer): void {
    const { api, tasks } = this.#services;
    const location = response.fields.get("location");
    const led = location && readLocation(location, this.#locationContext(origin));
    if (!led || led.place === "elsewhere" || !led.path.startsWith(SESSION_FOLDER)) return;
    const { path, query } = led;
    const nobodyLeaves = new AbortController().signal;
    const { promise: done, resolve } = Promise.withResolvers<void>();
    this.#request.hold.remain(done);
    tasks.run(async () => {
      try {
        const route = { choose: () => Promise.resolve(origin), gone: nobodyLeaves };
        await api.ask(this.#request, { method: "DELETE", path, query }, route);
      } catch (error) {
        // The origin will notice by itself that no media comes.
        if (!(error instanceof ProxyError)) throw error;
      } finally {
        resolve();
      }
    });
  }

  #logRefused(error: ProxyError): void {
    const { intent, key } = this.#wish;
    // Host and port, if the port is known.
    const { peer, client: host } = this.#request;
    const client = host === peer.host ? formatAddress(peer) : host;
    const { sessions } = this.#services.deps;
    const request = { session: this.#requestId, protocol: "rtc", intent, stream: key.key, client };
    sessions.refused({ ...request, tried: this.#tried, error });
  }
}

interface Agreed {
  readonly offer: Sdp;
  readonly accepted: string;
  readonly asked: MediaTarget | undefined;
  readonly place: SessionPlace;
}

/**
 * Returns the description in an origin's answer; undefined if it has not accepted the offer.
 *
 * @throws ProtocolError when it has accepted, but the answer cannot be read
 */
function acceptedSdp({ kind }: Wish, { response, body }: OriginAnswer): string | undefined {
  const { status, fields } = response;
  if (status < 200 || status > 299) return undefined;
  if (isBare(kind)) {
    const isSdp = mediaTypeOf(fields.get("content-type")) === "application/sdp";
    return status === 201 || isSdp ? textOfBytes(body) : undefined;
  }
  const { code, sdp } = parseJsonObject(utf8Of(body));
  if (code !== undefined && code !== 0) return undefined;
  if (typeof sdp !== "string") throw new ProtocolError("Cannot find sdp in the answer");
  return sdp;
}
