// Which origin has a file that belongs to no stream: a recording, a picture, a VOD playlist.
// Nothing records this, so the origins are asked, within limits; their answers are remembered for a
// while. Knows no registry, only a list of origins; serving the file is done elsewhere.

import type { Cidr } from "../../core/cidr.ts";
import type { Clock } from "../../core/clock.ts";
import type { OriginStatus } from "../../core/registrar.ts";
import { ProxyError } from "../../core/errors.ts";
import { ExpiringMap } from "../../core/expiring_map.ts";
import type { HopMark } from "../../core/hop_mark.ts";
import type { Origin } from "../../core/origin.ts";
import type { Metrics } from "../../core/contracts.ts";
import { streamKeyFromHttp } from "../../core/stream_key.ts";
import { Fields } from "../../protocol/http/head.ts";
import type { HttpRequest } from "../../protocol/http/request.ts";
import { originTagOf, takeSpbhid } from "../../protocol/hls/spbhid.ts";
import { extensionOf, isServicePath } from "../../protocol/hls/stream_paths.ts";
import type { Forwarder } from "../../http1/forward.ts";
import { type OutgoingRequest, outgoingRequest } from "../../http1/outgoing_request.ts";
import type { HttpExchange } from "../../http1/exchange.ts";
import { type MediaRequest, playlistKind } from "./media_request.ts";

/** Origins asked for one file, how many at a time, and how long one and all may take, milliseconds. */
const MOST_ORIGINS = 64;
const AT_A_TIME = 8;
const PATIENCE = 2_000;
const DEADLINE = 6_000;
/** Most searches at once. */
const MOST_SEARCHES = 64;
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
  /** Every origin, with what it offers and whether it answers. */
  origins(): Promise<readonly OriginStatus[]>;
}

/** One file that somebody wants. */
interface WantedFile {
  readonly name: string;
  /** As an origin gets it. */
  readonly request: OutgoingRequest;
  /** Aborted when the client has left. */
  readonly gone: AbortSignal;
}

/** Whether a request may be for such a file. */
function mayBeFile({ method, path }: HttpRequest): boolean {
  const isHidden = /\/(?:\.|%2e)/i.test(path);
  const isAsked = method === "GET" || method === "HEAD";
  return isAsked && EXTENSIONS.has(extensionOf(path)) && !isHidden && !isServicePath(path);
}

export class OriginFiles {
  readonly #deps: OriginFilesDependencies;
  readonly #forwarder: Forwarder;
  readonly #found = new ExpiringMap<string, string>(FOUND);
  readonly #missing = new ExpiringMap<string, true>(MISSING);
  #searches = 0;

  constructor(deps: OriginFilesDependencies, forwarder: Forwarder) {
    this.#deps = deps;
    this.#forwarder = forwarder;
  }

  /**
   * The file as it is to be asked for; undefined when no origin has said that it has it.
   *
   * @throws ProxyError `overloaded` when too many files are being looked for, `registry_unavailable`
   */
  async find(exchange: HttpExchange): Promise<MediaRequest | undefined> {
    const { request } = exchange;
    if (!mayBeFile(request)) return undefined;
    const gone = new AbortController();
    exchange.client.watch(() => gone.abort());
    const { rest: query } = takeSpbhid(request.query);
    const holder = await this.#holderOf({
      name: `${request.host} ${request.path}`,
      request: this.#questionOf(exchange, query),
      gone: gone.signal,
    });
    if (holder === undefined) return undefined;
    const kind = playlistKind(extensionOf(request.path)) ?? "part";
    const key = streamKeyFromHttp({ ...request, query });
    return { kind, key, originTag: originTagOf(holder), query, mayBeLive: false };
  }

  /** Asks for one byte: SRS answers HEAD with a body. */
  #questionOf({ request, connection }: HttpExchange, query: string): OutgoingRequest {
    const { hopMark } = this.#deps;
    const trustedProxies = this.#deps.trustedProxies();
    const kept = [...request.fields].filter(({ name }) => !CONDITION.test(name));
    const fields = new Fields([...kept, { name: "Range", value: "bytes=0-0" }]);
    return outgoingRequest({ ...request, method: "GET", fields }, {
      ...{ query, readable: false, peer: connection.peer, trustedProxies, hopMark },
    });
  }

  async #holderOf(wanted: WantedFile): Promise<string | undefined> {
    const { name } = wanted;
    const { clock, metrics } = this.#deps;
    const now = clock.now();
    if (this.#missing.get(name, now)) return undefined;
    const origins = (await this.#deps.origins()).filter(isOffering).map(({ origin }) => origin);
    const known = this.#found.get(name, now);
    if (known !== undefined && origins.some(({ id }) => id === known)) return known;
    const holder = await this.#search(wanted, origins);
    const result = holder === undefined ? "missing" : "found";
    metrics.count("srs_proxy_http_file_searches_total", { result });
    if (holder !== undefined) this.#found.set(name, holder, clock.now());
    else if (!wanted.gone.aborted) this.#missing.set(name, true, clock.now());
    return holder;
  }

  async #search(wanted: WantedFile, origins: readonly Origin[]): Promise<string | undefined> {
    if (this.#searches >= MOST_SEARCHES) {
      this.#deps.metrics.count("srs_proxy_http_file_searches_total", { result: "overloaded" });
      throw new ProxyError("overloaded", "Cannot look for more files at once");
    }
    this.#searches++;
    const over = new AbortController();
    using _deadline = this.#deps.clock.after(DEADLINE, () => over.abort());
    const gone = AbortSignal.any([wanted.gone, over.signal]);
    const left = shuffled(origins).slice(0, MOST_ORIGINS);
    let holder: string | undefined;
    const askOn = async () => {
      for (let origin; !gone.aborted && (origin = left.pop()) !== undefined;) {
        if (!await this.#has(origin, wanted, gone)) continue;
        holder ??= origin.id;
        over.abort();
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_A_TIME }, askOn));
      return holder;
    } finally {
      this.#searches--;
    }
  }

  async #has(origin: Origin, { request }: WantedFile, gone: AbortSignal): Promise<boolean> {
    try {
      const { link, response } = await this.#forwarder.forward(request, {
        choose: (failed) =>
          failed.length === 0 ? Promise.resolve(origin) : Promise.reject(unheld()),
        gone,
        patience: PATIENCE,
      });
      link.connection.close();
      // What has no length is a stream.
      return [200, 206, 416].includes(response.status) && typeof response.bodyLength === "number";
    } catch (error) {
      if (error instanceof ProxyError) return false;
      throw error;
    }
  }
}

const CONDITION = /^(?:range|if-.*)$/i;

function isOffering({ origin, setAsideFor }: OriginStatus): boolean {
  return origin.endpoints.http.length > 0 && setAsideFor.http === undefined;
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
