// The operator's console with a real System API and registry, in this process, with as many
// origins, streams and sessions as a test wants. Only the media is missing.

import { EventFeed } from "../../src/api/event_feed.ts";
import { SessionTallies } from "../../src/api/session_tallies.ts";
import { LiveSessions } from "../../src/api/session_log.ts";
import { History } from "../../src/api/history.ts";
import { PrometheusMetrics } from "../../src/api/metrics.ts";
import { operatorConsole } from "../../src/console/operator_console.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { Flowed } from "../../src/core/flow_meter.ts";
import { type Desk, managementWith, openDesk } from "./system_desk.ts";
import type { Origin } from "../../src/core/origin.ts";
import { VirtualClock } from "./virtual_clock.ts";

/** Numbers of origins, streams and sessions. */
export interface Crowd {
  readonly origins: number;
  readonly streams: number;
  readonly viewers: number;
}

export interface ConsoleSiteOptions {
  readonly crowd?: Crowd;
  readonly token?: string;
}

const SMALL: Crowd = { origins: 3, streams: 12, viewers: 30 };
const PROTOCOLS = ["rtmp", "http", "srt", "rtc"] as const;

export class ConsoleSite implements AsyncDisposable {
  readonly desk: Desk;
  /** Ids of the sessions that were ended. */
  readonly kicked: readonly string[];
  readonly metrics: PrometheusMetrics;
  /** The time of the charts. */
  readonly clock: VirtualClock;
  readonly events: EventFeed;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor(
    parts: Pick<ConsoleSite, "desk" | "kicked" | "metrics" | "clock" | "events">,
    server: Deno.HttpServer<Deno.NetAddr>,
  ) {
    this.desk = parts.desk;
    this.kicked = parts.kicked;
    this.metrics = parts.metrics;
    this.clock = parts.clock;
    this.events = parts.events;
    this.#server = server;
  }

  static async open({ crowd = SMALL, token }: ConsoleSiteOptions = {}): Promise<ConsoleSite> {
    const sessions = new LiveSessions({ capacity: 100_000 });
    const kicked: string[] = [];
    const clock = new VirtualClock();
    const metrics = new PrometheusMetrics();
    const refresh = () => Promise.resolve();
    const history = History.open({ clock, source: metrics, refresh });
    const events = new EventFeed({ onDropped: () => {} });
    const access = () => token === undefined ? {} : { token };
    const end = (session: string) => {
      kicked.push(session);
      sessions.closed({ session, reason: "kicked", bytesIn: 0, bytesOut: 0 });
    };
    const desk = await openDesk({
      sessions: {
        list: (page) => sessions.list(page),
        kick: (session) => {
          end(session);
          return true;
        },
      },
      tallies: () => new SessionTallies(sessions.all(), (stream) => stream),
      events,
      history: () => history.columns(),
      management: managementWith({ clock: systemClock, access }),
    }, {
      ...{ maxOrigins: 1_000, maxStreams: 100_000 },
      sessions: { received: () => Promise.resolve(new Map()), end },
    });
    await gather(desk, sessions, crowd);
    const pages = operatorConsole({ httpPort: 18080, version: "1.2.3" });
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    const server = Deno.serve(options, async (request, { remoteAddr }) => {
      const { hostname, port } = remoteAddr;
      return await pages(request) ??
        await desk.fetch(request, { peer: { host: hostname, port } });
    });
    return new ConsoleSite({ desk, kicked, metrics, clock, events }, server);
  }

  /** Registers another origin. */
  async addOrigin(at: number): Promise<void> {
    await this.desk.registry.register(originAt(at));
    this.events.tell("origin_added", { server: `vid-${at}` });
  }

  /** The URL of a page of the console. */
  url(route = ""): string {
    return `http://127.0.0.1:${this.#server.addr.port}/${route}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await this.desk[Symbol.asyncDispose]();
  }
}

/** Registers origins, publishes streams and has viewers play them. */
async function gather(desk: Desk, sessions: LiveSessions, crowd: Crowd): Promise<void> {
  for (let at = 0; at < crowd.origins; at++) await desk.registry.register(originAt(at));
  for (let at = 0; at < crowd.streams; at++) {
    const stream = `__defaultVhost__/live/show-${String(at).padStart(5, "0")}`;
    const session = `p${at}`;
    const request = { stream, session, failed: [], intent: "publish" } as const;
    const { id } = await desk.registry.resolve({ ...request, protocol: "rtmp" });
    await desk.registry.confirm(session);
    sessions.opened({ ...request, origin: id, client: clientAt(at), protocol: "rtmp" });
    sessions.flowed({ session, flowed: flowOf({ bitsIn: 3_000_000 + 1_000_000 * (at % 7) }) });
    for (let viewer = at; viewer < crowd.viewers; viewer += crowd.streams) {
      const protocol = PROTOCOLS[viewer % PROTOCOLS.length]!;
      const session = `v${viewer}`;
      const request = { stream, session, protocol, intent: "play" } as const;
      await desk.registry.resolve({ ...request, failed: [] });
      sessions.opened({ ...request, origin: id, client: clientAt(crowd.streams + viewer) });
      sessions.flowed({ session, flowed: flowOf({ bitsOut: 2_000_000 + 100_000 * viewer }) });
    }
  }
}

function flowOf(rates: Partial<Flowed>): Flowed {
  return { bytesIn: 1_000, bytesOut: 2_000, bitsIn: 0, bitsOut: 0, ...rates };
}

function originAt(at: number): Origin {
  const host = `10.1.${at >> 8}.${at & 255}`;
  return {
    ...{ id: `vid-${at}`, generation: "1", deviceId: `origin-${at}`, ip: host },
    labels: [at % 2 === 0 ? "eu" : "us"],
    endpoints: {
      rtmp: [{ host, port: 1935 }],
      http: [{ host, port: 8080 }],
      api: [{ host, port: 1985 }],
      srt: [{ host, port: 10080 }],
      rtc: [{ host, port: 8000 }],
    },
  };
}

function clientAt(at: number): string {
  return `192.168.${(at >> 8) & 255}.${at & 255}:${40_000 + at % 20_000}`;
}
