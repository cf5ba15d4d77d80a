// SRS's heartbeat for origins without one of their own: registers an origin at the System API of
// one or more proxies and keeps it registered.

import { formatAddress } from "../../src/core/endpoint.ts";
import { fetchText } from "./origin_server.ts";

/** A heartbeat, in SRS's fields. */
export interface Heartbeat {
  readonly ip: string;
  readonly server: string;
  readonly service: string;
  readonly pid: string;
  readonly rtmp: readonly string[];
  readonly http?: readonly string[] | undefined;
  readonly api?: readonly string[] | undefined;
  readonly srt?: readonly string[] | undefined;
  readonly rtc?: readonly string[] | undefined;
  readonly device_id?: string;
  readonly labels?: readonly string[];
}

/** The parts of an origin that are registered. */
export interface RegisteredOrigin {
  readonly name: string;
  /** 127.0.0.1 unless given. */
  readonly host?: string;
  readonly rtmpPort: number;
  readonly httpPort?: number;
  readonly apiPort?: number;
  readonly rtcPort?: number;
  readonly srtPort?: number;
}

/** Anything that has a System API. */
export interface SystemApi {
  systemUrl(path: string): string;
}

interface OriginsAnswer {
  readonly origins: readonly { readonly server: string }[];
}

const HEARTBEAT_INTERVAL = 2_000;

/** The heartbeat of an origin; `service` identifies this start of it. */
export function heartbeatOf(origin: RegisteredOrigin, service: string): Heartbeat {
  const { host = "127.0.0.1" } = origin;
  const at = (port: number) => formatAddress({ host, port });
  return {
    ip: host,
    server: `vid-${origin.name}`,
    service,
    pid: service,
    rtmp: [at(origin.rtmpPort)],
    http: origin.httpPort === undefined ? undefined : [at(origin.httpPort)],
    api: origin.apiPort === undefined ? undefined : [at(origin.apiPort)],
    rtc: origin.rtcPort === undefined ? undefined : [`udp://${at(origin.rtcPort)}`],
    srt: origin.srtPort === undefined ? undefined : [`udp://${at(origin.srtPort)}`],
    device_id: origin.name,
  };
}

/**
 * Sends one heartbeat.
 *
 * @throws Error when it is refused or not answered
 */
export async function sendHeartbeat(
  api: SystemApi,
  heartbeat: Heartbeat,
  token?: string,
): Promise<void> {
  await fetchText(api.systemUrl("/api/v1/srs/register"), {
    method: "POST",
    headers: { "content-type": "application/json", ...authorization(token) },
    body: JSON.stringify(heartbeat),
  });
}

/**
 * The `server` ids of all origins that a proxy has registered.
 *
 * @throws Error when the proxy does not answer
 */
export async function registeredOrigins(api: SystemApi): Promise<string[]> {
  const text = await fetchText(api.systemUrl("/api/v1/origins?limit=1000"));
  const answer: OriginsAnswer = JSON.parse(text);
  return answer.origins.map(({ server }) => server);
}

function authorization(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/** Sends an origin's heartbeats until it is disposed of. */
export class Registration implements AsyncDisposable {
  readonly #stopped = Promise.withResolvers<void>();
  readonly #finished: Promise<void>;

  private constructor(beat: () => Promise<void>) {
    this.#finished = this.#run(beat);
  }

  /** Registers the origin at every proxy before it returns, and keeps doing so. */
  static async open(
    proxies: readonly SystemApi[],
    origin: RegisteredOrigin,
    token?: string,
  ): Promise<Registration> {
    const heartbeat = heartbeatOf(origin, crypto.randomUUID());
    const beat = async () => {
      await Promise.all(proxies.map((proxy) => sendHeartbeat(proxy, heartbeat, token)));
    };
    await beat();
    return new Registration(beat);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.resolve();
    await this.#finished;
  }

  async #run(beat: () => Promise<void>): Promise<void> {
    while (!(await this.#stoppedWithin(HEARTBEAT_INTERVAL))) {
      // As with a real origin, a failed heartbeat does not matter: the next one may succeed.
      await beat().catch(() => undefined);
    }
  }

  async #stoppedWithin(milliseconds: number): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), milliseconds);
    });
    const stopped = this.#stopped.promise.then(() => true);
    return await Promise.race([over, stopped]).finally(() => clearTimeout(timer));
  }
}
