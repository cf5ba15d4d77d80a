// SRS's HTTP API without SRS, over real sockets: gives the recorded answers of two real servers
// (SRS 7.0.18 with two publishers and a player, and with one publisher and two players).

import { DEFAULT_SETTINGS } from "../../src/core/origin.ts";
import type { Origin } from "../../src/core/origin.ts";
import type { OriginStatus } from "../../src/core/registrar.ts";

type Recording = Readonly<Record<string, string>>;

const RECORDINGS: Readonly<Record<"one" | "two", Recording>> = JSON.parse(
  await Deno.readTextFile(new URL("recordings/srs_api.json", import.meta.url)),
);

/** The recorded answers, by path; methods other than GET precede the path. */
export function recordingOf(name: "one" | "two"): Recording {
  return RECORDINGS[name];
}

/** How a server differs from the recording. */
export interface RecordedSrsOptions {
  /** Answers that replace recorded ones, by path. */
  readonly answers?: Readonly<Record<string, string | Response>>;
  /** This many streams instead of the recorded ones, `STREAM-0` and so on, listed as SRS does. */
  readonly streams?: number;
  /** Where it listens; 127.0.0.1 unless given. */
  readonly host?: string;
}

/** The API of one SRS. */
export class RecordedSrs implements AsyncDisposable {
  readonly id: string;
  /** `METHOD path?query` of each request. */
  readonly asked: string[] = [];
  readonly headers: Headers[] = [];
  readonly bodies: string[] = [];
  /** Whether it accepts connections without answering. */
  isFrozen = false;
  isDown = false;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #recording: Recording;
  readonly #options: RecordedSrsOptions;
  readonly #closed = new AbortController();

  constructor(id: string, recording: "one" | "two", options: RecordedSrsOptions = {}) {
    this.id = id;
    this.#recording = RECORDINGS[recording];
    this.#options = options;
    const { host: hostname = "127.0.0.1" } = options;
    const listen = { hostname, port: 0, onListen: () => {} };
    this.#server = Deno.serve({ ...listen, signal: this.#closed.signal }, (request) => {
      return this.#answer(request);
    });
  }

  /** Its status as in the registry. */
  get status(): OriginStatus {
    const api = [{ host: this.#server.addr.hostname, port: this.#server.addr.port }];
    const origin: Origin = {
      ...{ id: this.id, generation: "1/1", deviceId: "", ip: `10.0.0.${this.id.length}` },
      endpoints: { rtmp: [], http: [], api, srt: [], rtc: [] },
    };
    return {
      ...{ origin, streams: 0, expiresIn: 60_000, setAsideFor: {}, down: this.isDown },
      ...{ sinceHeartbeat: 0, failures: {}, settings: DEFAULT_SETTINGS },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#server.finished;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, search, searchParams } = new URL(request.url);
    this.asked.push(`${request.method} ${pathname}${search}`);
    this.headers.push(request.headers);
    this.bodies.push(await request.text());
    if (this.isFrozen) {
      await new Promise<void>((resolve) => {
        this.#closed.signal.addEventListener("abort", () => resolve());
        request.signal.addEventListener("abort", () => resolve());
      });
    }
    const path = pathname.replace(/\/$/, "");
    const key = request.method === "GET" ? path : `${request.method} ${path}`;
    const own = this.#options.answers?.[key];
    if (own instanceof Response) return own.clone();
    if (path === "/api/v1/streams" && this.#options.streams !== undefined) {
      return json(this.#listed(searchParams, this.#options.streams));
    }
    return json(own ?? this.#recording[key] ?? '{"code":2049}');
  }

  /** SRS returns at least ten entries. */
  #listed(query: URLSearchParams, streams: number): string {
    const start = Math.max(0, Number(query.get("start")));
    const end = Math.min(streams, start + Math.max(10, Number(query.get("count"))));
    const [sample] = JSON.parse(this.#recording["/api/v1/streams"]!).streams;
    const entries = [];
    for (let at = start; at < end; at++) {
      entries.push({ ...sample, id: `vid-${this.id}-${at}`, name: `${this.id}-${at}` });
    }
    return JSON.stringify({ code: 0, server: this.id, streams: entries });
  }
}

function json(text: string): Response {
  const type = text.startsWith("#") ? "text/plain; charset=utf-8" : "application/json";
  return new Response(text, { headers: { "content-type": type, connection: "close" } });
}
