// Finds the origin that has a file belonging to no stream: a recording, a picture, a VOD playlist.
// Nothing records this, so the origins are asked, within limits and once for all clients that want
// the same file; the result is cached for a while. Each lane does this for its own clients. Knows
// only a list of origins, not the registry, and does not serve the file.

import { encodeBase64Url } from "../../core/base64url.ts";
import type { Cidr } from "../../core/cidr.ts";
import type { Clock } from "../../core/clock.ts";
import type { OriginStatus } from "../../core/registrar.ts";
import { ProxyError } from "../../core/errors.ts";
import { ExpiringMap } from "../../core/expiring_map.ts";
import { sha256 } from "../../core/hashes.ts";
import type { HopMark } from "../../core/hop_mark.ts";
import type { Origin } from "../../core/origin.ts";
import type { Metrics } from "../../core/contracts.ts";
import { streamKeyFromHttp } from "../../core/stream_key.ts";
import { Fields } from "../../protocol/http/head.ts";
import type { HttpRequest } from "../../protocol/http/request.ts";
import { originTagOf } from "../../core/origin_tag.ts";
import { takeSpbhid } from "../../protocol/hls/spbhid.ts";
import { extensionOf, isServicePath } from "../../protocol/hls/stream_paths.ts";
import { DialBounds } from "../../core/try_origins.ts";
import type { Forwarder, Route } from "../../http1/forward.ts";
import type { OriginConnection, OriginPool } from "../../http1/origin_pool.ts";
import { readBody } from "../../http1/read_body.ts";
import type { HttpResponse } from "../../protocol/http/response.ts";
import { type OutgoingRequest, outgoingRequest } from "../../http1/outgoing_request.ts";
import type { HttpExchange } from "../../http1/exchange.ts";
import { type MediaRequest, playlistKind } from "./media_request.ts";

/**
 * Limits for one file: origins asked, how many of them at a time, and addresses dialled in total.
 */
const MOST_ORIGINS = 64;
const AT_A_TIME = 8;
export const MOST_DIALS = 64;
/** Deadline for one origin and for the whole search, milliseconds. */
const PATIENCE = 2_000;
const DEADLINE = 6_000;
/** Most concurrent searches. */
const MOST_SEARCHES = 64;
/**
 * Responses up to this many bytes are read, so that the connection can be kept for the next
 * question.
 */
const SHORT_ANSWER = 4_096;
const FOUND = { capacity: 10_000, ttl: 60_000 };
const MISSING = { capacity: 10_000, ttl: 5_000 };
const EXTENSIONS: ReadonlySet<string> = new Set([
  ...["mp4", "m4v", "m4a", "mov", "mkv", "webm", "flv", "ts", "m4s", "mp3", "aac", "wav", "m3u8"],
  ...["mpd", "key", "vtt", "srt", "jpg", "jpeg", "png", "gif", "webp", "avif"],
]);

export interface OriginFilesDependencies {
  readonly clock: Clock;
  readonly metrics: Metrics;
  trustedProxies(): readonly Cidr[];
  readonly hopMark: HopMark;
  /** All origins, with their endpoints and health. */
  origins(): Promise<readonly OriginStatus[]>;
}

interface WantedFile {
  /** Hash of host and path, of fixed size because clients choose the texts. */
  readonly name: string;
  /** Hash of everything that an origin's answer may depend on. */
  readonly question: string;
  /** The request sent to each origin. */
  readonly request: OutgoingRequest;
  /** Aborted when the client has left. */
  readonly gone: AbortSignal;
}

/** One search, shared by all clients that ask the same question. */
interface Search {
  readonly holder: Promise<string | undefined>;
  /** Aborted when all of them have left. */
  readonly left: AbortController;
  waiting: number;
}

function mayBeFile({ method, path }: HttpRequest): boolean {
  const isHidden = /\/(?:\.|%2e)/i.test(path);
  const isAsked = method === "GET" || method === "HEAD";
  return isAsked && EXTENSIONS.has(extensionOf(path)) && !isHidden && !isServicePath(path);
}

interface OriginFilesServices {
  readonly forwarder: Forwarder;
  readonly pool: OriginPool;
}

export class OriginFiles {
  readonly #deps: OriginFilesDependencies;
  readonly #services: OriginFilesServices;
  readonly #found = new ExpiringMap<string, string>(FOUND);
  readonly #missing = new ExpiringMap<string, true>(MISSING);
  readonly #searches = new Map<string, Search>();

  constructor(deps: OriginFilesDependencies, services: OriginFilesServices) {
    this.#deps = deps;
    this.#services = services;
  }

  /**
   * Returns the request for the file at the origin that has it; undefined if none says so.
   *
   * @throws ProxyError `overloaded` when too many files are being looked for,
   * `registry_unavailable`
   */
  async find(exchange: HttpExchange): Promise<MediaRequest | undefined> {
    const { request } = exchange;
    if (!mayBeFile(request)) return undefined;
    const gone = new AbortController();
    exchange.client.watch(() => gone.abort());
    const { rest: query } = takeSpbhid(request.query);
    const { host, path, fields } = request;
    const holder = await this.#holderOf({
      name: fingerprint(host, path),
      question: fingerprint(host, path, query, fields.get("authorization"), fields.get("cookie")),
      request: this.#questionOf(exchange, query),
      gone: gone.signal,
    });
    if (holder === undefined) return undefined;
    const kind = playlistKind(extensionOf(request.path)) ?? "part";
    const key = streamKeyFromHttp({ ...request, query });
    return { kind, key, originTag: originTagOf(holder), query, mayBeLive: false };
  }

  /** Asks for one byte with GET, because SRS answers HEAD with a body. */
  #questionOf({ request, connection }: HttpExchange, query: string): OutgoingRequest {
    const { hopMark } = this.#deps;
    const trustedProxies = this.#deps.trustedProxies();
    const { isSecure } = connection;
    const kept = [...request.fields].filter(({ name }) => !CONDITION.test(name));
    const fields = new Fields([...kept, { name: "Range", value: "bytes=0-0" }]);
    return outgoingRequest({ ...request, method: "GET", fields }, {
      ...{ query, readable: false, peer: connection.peer, isSecure, trustedProxies, hopMark },
    });
  }

  async #holderOf(wanted: WantedFile): Promise<string | undefined> {
    const { name, question, gone } = wanted;
    const now = this.#deps.clock.now();
    if (this.#missing.get(question, now)) return undefined;
    const origins = (await this.#deps.origins()).filter(isOffering).map(({ origin }) => origin);
    const known = this.#found.get(name, now);
    if (known !== undefined && origins.some(({ id }) => id === known)) return known;
    if (gone.aborted) return undefined;
    const search = this.#searches.get(question) ?? this.#begin(wanted, origins);
    search.waiting++;
    const leave = () => {
      if (--search.waiting > 0) return;
      // Later clients must not get the result of an aborted search.
      this.#searches.delete(question);
      search.left.abort();
    };
    gone.addEventListener("abort", leave);
    try {
      return await search.holder;
    } finally {
      gone.removeEventListener("abort", leave);
    }
  }

  #begin(wanted: WantedFile, origins: readonly Origin[]): Search {
    const { metrics } = this.#deps;
    if (this.#searches.size >= MOST_SEARCHES) {
      metrics.count("srs_proxy_http_file_searches_total", { result: "overloaded" });
      throw new ProxyError("overloaded", "Cannot search for more files at once");
    }
    const left = new AbortController();
    const holder = this.#search(wanted, origins, left.signal);
    const search = { holder, left, waiting: 0 };
    this.#searches.set(wanted.question, search);
    return search;
  }

  async #search(
    wanted: WantedFile,
    origins: readonly Origin[],
    left: AbortSignal,
  ): Promise<string | undefined> {
    const { clock, metrics } = this.#deps;
    const { name, question } = wanted;
    try {
      const holder = await this.#ask(wanted, origins, left);
      const result = holder === undefined ? "missing" : "found";
      metrics.count("srs_proxy_http_file_searches_total", { result });
      if (holder !== undefined) this.#found.set(name, holder, clock.now());
      else if (!left.aborted) this.#missing.set(question, true, clock.now());
      return holder;
    } finally {
      if (!left.aborted) this.#searches.delete(question);
    }
  }

  async #ask(
    { request }: WantedFile,
    origins: readonly Origin[],
    left: AbortSignal,
  ): Promise<string | undefined> {
    const over = new AbortController();
    using _deadline = this.#deps.clock.after(DEADLINE, () => over.abort());
    const gone = AbortSignal.any([left, over.signal]);
    const asked = shuffled(origins).slice(0, MOST_ORIGINS);
    const bounds = new DialBounds(asked.length, MOST_DIALS);
    let holder: string | undefined;
    const askOn = async () => {
      for (let origin; !gone.aborted && (origin = asked.pop()) !== undefined;) {
        if (!await this.#has(origin, request, { gone, bounds })) continue;
        holder ??= origin.id;
        over.abort();
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, askOn));
    return holder;
  }

  async #has(
    origin: Origin,
    request: OutgoingRequest,
    route: Pick<Route, "gone" | "bounds">,
  ): Promise<boolean> {
    try {
      const { link, response } = await this.#services.forwarder.forward(request, {
        ...route,
        patience: PATIENCE,
        choose: (failed) =>
          failed.length === 0 ? Promise.resolve(origin) : Promise.reject(unheld()),
      });
      await this.#giveBack(link, response);
      // A response without a length is a stream.
      return [200, 206, 416].includes(response.status) && typeof response.bodyLength === "number";
    } catch (error) {
      if (error instanceof ProxyError) return false;
      throw error;
    }
  }

  async #giveBack(link: OriginConnection, response: HttpResponse): Promise<void> {
    const { bodyLength, reusable } = response;
    const isShort = typeof bodyLength === "number" && bodyLength <= SHORT_ANSWER;
    try {
      if (!reusable || !isShort) return link.connection.close();
      await readBody(link, response, { timeout: PATIENCE, limit: SHORT_ANSWER });
      this.#services.pool.give(link);
    } catch (error) {
      link.connection.close();
      if (!(error instanceof ProxyError)) throw error;
    }
  }
}

const CONDITION = /^(?:range|if-.*)$/i;

function isOffering({ origin, setAsideFor }: OriginStatus): boolean {
  return origin.endpoints.http.length > 0 && setAsideFor.http === undefined;
}

/** A hash of fixed length. */
function fingerprint(...parts: readonly (string | undefined)[]): string {
  return encodeBase64Url(sha256(JSON.stringify(parts)));
}

function unheld(): ProxyError {
  return new ProxyError("not_found", "Origin cannot be asked");
}

function shuffled<T>(items: readonly T[]): T[] {
  const result = [...items];
  for (let at = result.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1));
    [result[at], result[other]] = [result[other]!, result[at]!];
  }
  return result;
}
