// A real SRS as origin, when SRS_BIN names its executable: it registers itself by its own heartbeat.
// Knows of the proxy only the URL to send heartbeats to.

import { Child } from "./child.ts";
import { accepts, fetchText, type OriginServer } from "./origin_server.ts";
import { freePorts } from "./ports.ts";
import { TempFolder } from "./temp_folder.ts";

/** The executable of a real SRS, or undefined when the tests have to do without. */
export const SRS_BIN: string | undefined = Deno.env.get("SRS_BIN") || undefined;

/** How the server is named and where it registers. */
export interface SrsOptions {
  readonly name: string;
  /** The whole URL of the register endpoint, query and all. */
  readonly heartbeatUrl?: string;
  /** Further lines for the default vhost. */
  readonly vhost?: readonly string[];
}

interface StreamsAnswer {
  readonly streams: readonly {
    readonly app: string;
    readonly name: string;
    readonly publish: { readonly active: boolean };
  }[];
}

/** A running SRS; see `OriginServer`. */
export class Srs implements OriginServer {
  readonly name: string;
  readonly rtmpPort: number;
  readonly httpPort: number;
  readonly apiPort: number;
  readonly process: Child;
  readonly #folder: TempFolder;

  private constructor(name: string, ports: readonly number[], folder: TempFolder) {
    this.name = name;
    this.rtmpPort = ports[0]!;
    this.httpPort = ports[1]!;
    this.apiPort = ports[2]!;
    this.#folder = folder;
    this.process = new Child({
      command: SRS_BIN!,
      args: ["-c", folder.file("srs.conf")],
      cwd: folder.path,
      env: { SRS_DEVICE_IP: "127.0.0.1" },
    });
  }

  /**
   * Starts SRS and waits until its RTMP port and its API answer.
   *
   * @throws Error when SRS_BIN is not set or SRS does not start
   */
  static async open(options: SrsOptions): Promise<Srs> {
    if (SRS_BIN === undefined) throw new Error("Cannot start SRS: SRS_BIN is not set");
    const ports = freePorts(3);
    const folder = new TempFolder();
    await Deno.mkdir(folder.file("objs/nginx/html"), { recursive: true });
    await Deno.writeTextFile(folder.file("srs.conf"), srsConfiguration(options, ports));
    const server = new Srs(options.name, ports, folder);
    try {
      const isReady = async () => await accepts(server.rtmpPort) && await accepts(server.apiPort);
      await server.process.until("SRS accept connections", isReady, 20_000);
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  rtmpUrl(stream: string): string {
    return `rtmp://127.0.0.1:${this.rtmpPort}/live/${stream}`;
  }

  async publishedStreams(): Promise<string[]> {
    const url = `http://127.0.0.1:${this.apiPort}/api/v1/streams?start=0&count=1000`;
    const answer: StreamsAnswer = JSON.parse(await fetchText(url));
    return answer.streams
      .filter(({ app, publish }) => app === "live" && publish.active)
      .map(({ name }) => name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

/** Timestamps stay those of the publisher, as with other servers: so viewers can be compared. */
function srsConfiguration(options: SrsOptions, ports: readonly number[]): string {
  const [rtmpPort, httpPort, apiPort] = ports;
  return `
listen 127.0.0.1:${rtmpPort};
max_connections 1000;
pid objs/srs.pid;
daemon off;
srs_log_tank console;
srs_log_level warn;
http_server { enabled on; listen 127.0.0.1:${httpPort}; dir ./objs/nginx/html; }
http_api { enabled on; listen 127.0.0.1:${apiPort}; }
${heartbeatLines(options)}
vhost __defaultVhost__ {
  play { time_jitter off; }
  http_remux { enabled on; mount [vhost]/[app]/[stream].flv; }
  hls { enabled on; hls_path ./objs/nginx/html; hls_fragment 2; hls_window 20; }
  ${(options.vhost ?? []).join("\n  ")}
}
`;
}

function heartbeatLines({ heartbeatUrl, name }: SrsOptions): string {
  if (heartbeatUrl === undefined) return "";
  return `heartbeat {
  enabled on; interval 2; url ${heartbeatUrl}; device_id ${name}; ports on;
}`;
}
