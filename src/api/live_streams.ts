// Which streams are live, and in which formats their origins offer them, for everybody who may open the play
// page. Requested often and by many, so it is looked up at most once a second. Reveals nothing about the
// origins.

import type { Clock } from "../core/clock.ts";
import type { Registrar } from "../core/registrar.ts";
import type { Origin } from "../core/origin.ts";
import { streamKeyFromHttp } from "../core/stream_key.ts";
import type { Vhosts } from "../core/vhosts.ts";

/** How a stream can be played. */
export type Format = "rtmp" | "flv" | "ts" | "hls" | "webrtc" | "srt";

/** One stream that somebody is publishing. */
export interface LiveStream {
  /** `app/stream`. */
  readonly stream: string;
  readonly formats: readonly Format[];
}

/** The first streams of a vhost, by name. */
export interface LiveStreams {
  readonly streams: readonly LiveStream[];
  /** Whether there are more streams. */
  readonly more: boolean;
}

export interface LiveStreamDependencies {
  readonly registrar: Pick<Registrar, "origins" | "streams">;
  /** Hosts whose streams are their own. */
  readonly vhosts: Vhosts;
  readonly clock: Pick<Clock, "now">;
}

const LONGEST_LIST = 200;
const FRESH_FOR = 1_000;
/** The largest share of time that lookups may take, however many streams there are. */
const LOOK_UP_SHARE = 1 / 20;
const PAGE = 10_000;
const NOTHING: LiveStreams = { streams: [], more: false };

type ByVhost = ReadonlyMap<string, LiveStreams>;

/** The list, kept for a second. */
export class LiveStreamList {
  readonly #deps: LiveStreamDependencies;
  #known: Promise<ByVhost> | undefined;
  #freshUntil = Infinity;

  constructor(deps: LiveStreamDependencies) {
    this.#deps = deps;
  }

  /**
   * The live streams for requests to that host, without those of other vhosts.
   *
   * @throws ProxyError `bad_request` for what cannot be a host
   */
  async of(host: string): Promise<LiveStreams> {
    const { key } = streamKeyFromHttp({ host, path: "/any/any", query: "" });
    const [vhost] = splitKey(this.#deps.vhosts.placed(key));
    return (await this.#all()).get(vhost) ?? NOTHING;
  }

  #all(): Promise<ByVhost> {
    if (this.#known !== undefined && this.#deps.clock.now() < this.#freshUntil) return this.#known;
    // Requests in the meantime wait for the same answer.
    this.#freshUntil = Infinity;
    this.#known = this.#lookUp();
    return this.#known;
  }

  async #lookUp(): Promise<ByVhost> {
    const { clock } = this.#deps;
    const begun = clock.now();
    try {
      return await readAll(this.#deps.registrar);
    } finally {
      const ended = clock.now();
      this.#freshUntil = ended + Math.max(FRESH_FOR, (ended - begun) / LOOK_UP_SHARE);
    }
  }
}

async function readAll(registrar: LiveStreamDependencies["registrar"]): Promise<ByVhost> {
  const formats = new Map<string, readonly Format[]>();
  for (const { origin, down } of await registrar.origins()) {
    if (!down) formats.set(origin.id, formatsOf(origin));
  }
  const found = new Map<string, { streams: LiveStream[]; more: boolean }>();
  let after: string | undefined;
  do {
    const page = await registrar.streams({ limit: PAGE, after });
    for (const { stream: key, origin, live } of page.streams) {
      const offered = live ? formats.get(origin) : undefined;
      if (offered === undefined) continue;
      const [vhost, stream] = splitKey(key);
      const list = found.get(vhost) ?? { streams: [], more: false };
      if (list.streams.length < LONGEST_LIST) list.streams.push({ stream, formats: offered });
      else list.more = true;
      found.set(vhost, list);
    }
    after = page.next;
  } while (after !== undefined);
  for (const { streams } of found.values()) streams.sort((a, b) => a.stream < b.stream ? -1 : 1);
  return found;
}

/** The formats that an origin announces; only the origin knows whether the stream is available in all. */
function formatsOf({ endpoints }: Origin): Format[] {
  const { rtmp, http, api, rtc, srt } = endpoints;
  const has = (...needed: readonly (readonly unknown[])[]) =>
    needed.every(({ length }) => length > 0);
  return [
    ...(has(rtmp) ? ["rtmp"] as const : []),
    ...(has(http) ? ["flv", "ts", "hls"] as const : []),
    ...(has(api, rtc) ? ["webrtc"] as const : []),
    ...(has(srt) ? ["srt"] as const : []),
  ];
}

function splitKey(key: string): [vhost: string, stream: string] {
  const slash = key.indexOf("/");
  return [key.slice(0, slash), key.slice(slash + 1)];
}
