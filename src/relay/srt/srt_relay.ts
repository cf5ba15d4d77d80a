// The SRT relay as the rest of the program sees it: finds the origin of each caller's stream, logs
// sessions and holds their streams at their origins. Forwarders in the lanes move the packets and
// wait for nothing here. A session lives in the lane that gets its caller's packets from the
// kernel.

import { randomBytes } from "node:crypto";
import { formatAddress } from "../../core/endpoint.ts";
import { endedBy, isAboutOrigin, isEnding } from "../../core/ended_by.ts";
import { type ErrorCode, ProxyError, toProxyError } from "../../core/errors.ts";
import type { Resolver, TriedOrigin } from "../../core/contracts.ts";
import { tryOrigins } from "../../core/try_origins.ts";
import { type OwnReport, UdpFront, type UdpFrontOptions, type UdpSession } from "../udp/front.ts";
import { keyOfCookies } from "./cookies.ts";
import { MAX_LATE_LINKS } from "./late_answers.ts";
import { MAX_EXTRA_LINKS } from "./origin_handshake.ts";
import {
  CALL_TIMEOUT,
  type SrtCommand,
  type SrtEnd,
  type SrtFailure,
  type SrtInit,
  type SrtReport,
} from "./srt_messages.ts";

/** How often forwarders tick, milliseconds; more often during handshakes. */
const TICK = 500;

/** The error for a call that ended before it was open, unless the proxy ended it. */
const FAILURES: Readonly<Partial<Record<SrtEnd | SrtFailure, readonly [ErrorCode, string]>>> = {
  origin_timeout: ["origin_timeout", "Cannot find an origin that answers in time"],
  unanswered: ["origin_timeout", "Origin does not answer this handshake"],
  unconfirmed: ["registry_unavailable", "Cannot confirm the stream in time"],
  origin_closed: ["origin_gone", "Origin hung up immediately"],
  origin_gone: ["origin_gone", "Origin is gone"],
  client_restarted: ["client_gone", "Caller has started over"],
  overloaded: ["overloaded", "Cannot open another socket now"],
  lane_failed: ["internal", "The lane of this caller has failed"],
};

/** Limits that can change; durations in milliseconds. */
export type SrtLimits = Omit<SrtInit, "lanes" | "maxSessions" | "cookieKey">;

/**
 * Durations in milliseconds. When the relay leaves its port it ends its sessions properly, so that
 * their callers call again at once.
 */
export interface SrtRelayOptions extends Omit<SrtInit, "lanes" | "cookieKey">, UdpFrontOptions {
  /**
   * Shared by all proxies behind one address, so that they make the same cookies; empty = random
   * for this process.
   */
  readonly cookieSecret: string;
  readonly resolver: Resolver;
  newSession(): string;
}

/** One caller, from its conclusion to its end. */
interface SrtSession extends UdpSession<number> {
  readonly lane: number;
  readonly call: number;
  readonly stream: string;
  readonly intent: "publish" | "play";
  readonly client: string;
  readonly tried: TriedOrigin[];
  /** When it was asked for, milliseconds. */
  readonly startedAt: number;
  /** The origin chosen last, and whether one of its addresses has answered. */
  origin?: string;
  dial?: PromiseWithResolvers<true>;
  isOpen: boolean;
  /** Whether an origin is being looked for, and whether the session has ended. */
  isSearching: boolean;
  isOver: boolean;
}

/** A bound UDP port for SRT callers. */
export class SrtRelay
  extends UdpFront<number, SrtEnd | SrtFailure, SrtSession, SrtInit, SrtCommand, SrtReport> {
  readonly #options: SrtRelayOptions;
  readonly #cookieKey: Uint8Array;
  /** By lane and call. */
  readonly #byCall = new Map<string, SrtSession>();

  private constructor(options: SrtRelayOptions) {
    super(options);
    this.#options = options;
    // A caller's conclusion may reach a different lane than its induction, if lanes have changed in
    // between.
    this.#cookieKey = keyOfCookies(options.cookieSecret || randomBytes(32));
  }

  /** @throws ProxyError `internal` when the port cannot be bound */
  static async open(options: SrtRelayOptions): Promise<SrtRelay> {
    const relay = new SrtRelay(options);
    const maxLinks = options.maxSessions + MAX_EXTRA_LINKS + MAX_LATE_LINKS;
    const init = relay.#initOf(options);
    await relay.openPort({ protocol: "srt", tick: TICK, maxLinks, init });
    return relay;
  }

  /** Replaces the limits. */
  configure(limits: SrtLimits): void {
    this.forwarders.configure(this.#initOf(limits));
  }

  #initOf(limits: SrtLimits): SrtInit {
    const { maxSessions, lanes: { count: lanes } } = this.#options;
    const cookieKey = this.#cookieKey;
    const { maxSessionsPerAddress, idleTimeout, maxKeyMaterial, defaultStreamId } = limits;
    return {
      ...{ lanes, maxSessions, cookieKey, maxSessionsPerAddress, idleTimeout },
      ...{ maxKeyMaterial, defaultStreamId },
    };
  }

  protected override find(lane: number, call: number): SrtSession | undefined {
    return this.#byCall.get(keyOf(lane, call));
  }

  protected override take(lane: number, report: OwnReport<SrtReport>): void {
    if (report.type === "wanted") return this.#begin(lane, report);
    const session = this.find(lane, report.call);
    if (session === undefined) return;
    if (report.type === "opened") this.#opened(session);
    else if (report.type === "reached") session.dial?.resolve(true);
    else if (report.type === "accepted") this.tasks.run(() => this.#accepted(session));
    else if (report.type === "refused") this.#refusedByOrigin(session, report.reject);
    else session.dial?.reject(report.isSilent ? silent() : unreachable());
  }

  #begin(
    lane: number,
    { call, stream, intent, client }: Extract<SrtReport, { type: "wanted" }>,
  ): void {
    const session: SrtSession = {
      ...{ id: this.#options.newSession(), lane, call, stream, intent },
      ...{ parts: new Map([[lane, call]]), flows: new Map(), bytesIn: 0, bytesOut: 0 },
      client: formatAddress(client),
      tried: [],
      startedAt: this.#options.clock.now(),
      isOpen: false,
      isSearching: true,
      isOver: false,
    };
    this.sessions.set(session.id, session);
    this.#byCall.set(keyOf(lane, call), session);
    this.tasks.run(() => this.#findOrigin(session));
  }

  #send({ lane }: SrtSession, command: SrtCommand): void {
    this.forwarders.send(lane, command);
  }

  async #findOrigin(session: SrtSession): Promise<void> {
    const { id, stream, intent, call, tried } = session;
    const { resolver } = this.#options;
    try {
      await tryOrigins<true>(this.#options, {
        protocol: "srt",
        timeout: CALL_TIMEOUT,
        choose: async (failed) => {
          const request = { stream, protocol: "srt", intent, session: id, failed } as const;
          const origin = await resolver.resolve(request);
          session.origin = origin.id;
          return origin;
        },
        dialAll: (addresses) => {
          session.dial = Promise.withResolvers();
          this.#send(session, { type: "origin", call, addresses });
          return session.dial.promise;
        },
        failed: (origin, { code }) => tried.push({ origin, code }),
        isGone: () => session.isOver,
      });
    } catch (error) {
      this.#refuse(session, toProxyError(error));
    } finally {
      session.isSearching = false;
      if (session.isOver) resolver.release(id);
    }
  }

  /** An origin that is still being asked has a second to answer; then the next one is asked. */
  protected override endAll(session: SrtSession, reason: SrtEnd | SrtFailure): void {
    if (!session.isSearching || !isAboutOrigin(reason)) super.endAll(session, reason);
  }

  /** Tells the caller why, and ends the session. */
  #refuse(session: SrtSession, error: ProxyError): void {
    if (session.isOver) return;
    if (error.source === "internal") this.#options.onError(error);
    this.#send(session, { type: "refuse", call: session.call, reject: error.srtReject });
    this.#forget(session);
    this.#logRefusal(session, error);
  }

  #refusedByOrigin(session: SrtSession, reject: number): void {
    this.#forget(session);
    session.tried.push({ origin: session.origin!, code: "origin_refused" });
    const cause = new Error(`Reject reason ${reject}`);
    this.#logRefusal(session, new ProxyError("origin_refused", "Origin refuses", { cause }));
  }

  /** Tells a publisher that it may send, once it holds the stream. */
  async #accepted(session: SrtSession): Promise<void> {
    const { id, call } = session;
    try {
      await this.#options.resolver.confirm(id);
      this.#send(session, { type: "admit", call });
    } catch (error) {
      this.#refuse(session, toProxyError(error));
    }
  }

  #opened(session: SrtSession): void {
    const { id, stream, intent, client } = session;
    const { resolver, sessions, clock, metrics } = this.#options;
    const origin = session.origin!;
    session.isOpen = true;
    if (intent === "play") resolver.confirm(id);
    sessions.opened({ session: id, protocol: "srt", intent, stream, origin, client });
    metrics.count("srs_proxy_srt_sessions_opened_total", { intent });
    const seconds = (clock.now() - session.startedAt) / 1000;
    metrics.observe("srs_proxy_first_byte_seconds", seconds, { protocol: "srt" });
  }

  protected override partEnded(
    session: SrtSession,
    _lane: number,
    reason: SrtEnd | SrtFailure,
  ): void {
    this.#forget(session);
    const { id, intent, isOpen, bytesIn, bytesOut } = session;
    if (!isOpen) return this.#logRefusal(session, failureOf(reason));
    this.#options.sessions.closed({ session: id, reason, bytesIn, bytesOut });
    // The other reasons belong to calls that are not open yet.
    const labels = { intent, reason: reason as SrtEnd };
    this.#options.metrics.count("srs_proxy_srt_sessions_closed_total", labels);
  }

  #forget(session: SrtSession): void {
    session.isOver = true;
    this.sessions.delete(session.id);
    this.#byCall.delete(keyOf(session.lane, session.call));
    session.dial?.reject(over());
    if (!session.isSearching) this.#options.resolver.release(session.id);
    this.checkIdle();
  }

  #logRefusal({ id, intent, stream, client, tried }: SrtSession, error: ProxyError): void {
    const { sessions, metrics } = this.#options;
    sessions.refused({ session: id, protocol: "srt", intent, stream, client, tried, error });
    metrics.count("srs_proxy_srt_refused_total", { reason: error.code });
  }
}

function unreachable(): ProxyError {
  return new ProxyError("origin_unreachable", "Cannot reach the origin");
}

function silent(): ProxyError {
  return new ProxyError("origin_timeout", "Origin does not answer");
}

function over(): ProxyError {
  return new ProxyError("client_gone", "Caller has left");
}

function failureOf(reason: SrtEnd | SrtFailure): ProxyError {
  if (isEnding(reason)) return endedBy(reason);
  const [code, message] = FAILURES[reason] ?? ["origin_gone", "Call has ended"];
  return new ProxyError(code, message);
}

function keyOf(lane: number, call: number): string {
  return `${lane}/${call}`;
}
