// A real SRS as origin, when SRS_BIN names its executable: it registers itself by its own heartbeat.
// Knows of the proxy only the URL to send heartbeats to.

import { formatAddress } from "../../src/core/endpoint.ts";
import { whenReady } from "./child.ts";
import { acceptsAt, fetchText, OriginServer } from "./origin_server.ts";
import { freePorts } from "./ports.ts";
import { TempFolder } from "./temp_folder.ts";

/** The executable of a real SRS, or undefined when the tests have to do without. */
export const SRS_BIN: string | undefined = Deno.env.get("SRS_BIN") || undefined;

/** How the server is named and where it registers. */
export interface SrsOptions {
  readonly name: string;
  /** Where it listens for TCP; 127.0.0.1 unless told. */
  readonly host?: string;
  /** The whole URL of the register endpoint, query and all. */
  readonly heartbeatUrl?: string;
  /** What `/live/` has: live FLV with HLS, unless told, or live TS, which SRS gives out alone. */
  readonly remux?: "flv" | "ts";
  /** Further lines for HLS. */
  readonly hls?: readonly string[];
  /** Serves `/live/STREAM.mpd` too. */
  readonly dash?: boolean;
  /** Speaks WebRTC, and passes its streams to RTMP and back. */
  readonly rtc?: boolean;
  /** Speaks SRT, and passes its streams to RTMP. */
  readonly srt?: boolean;
  /** Hears of players: gets a POST with JSON (`action`, `vhost`, `stream`, `param`, `ip`). */
  readonly hookUrl?: string;
  /** Vhosts beside the default one, with the same lines. */
  readonly vhosts?: readonly string[];
  /** Writes what it does to its standard output, not only what is wrong. */
  readonly traces?: boolean;
  /** Further lines, above the vhosts. */
  readonly top?: readonly string[];
  /** Further lines for each vhost. */
  readonly vhost?: readonly string[];
}

const HLS_LINES =
  "enabled on; hls_path ./objs/nginx/html; hls_fragment 1; hls_window 20; hls_ctx on;";
const DASH_LINE =
  "dash { enabled on; dash_fragment 1; dash_update_period 1; dash_timeshift 20; dash_window_size 20; }";

interface StreamsAnswer {
  readonly streams: readonly {
    readonly app: string;
    readonly name: string;
    readonly publish: { readonly active: boolean };
  }[];
}

/** A running SRS. */
export class Srs extends OriginServer {
  readonly apiPort: number;
  /** For WebRTC media, if it was told to speak that. */
  readonly rtcPort: number;
  /** For SRT, if it was told to speak that. */
  readonly srtPort: number;

  private constructor(options: SrsOptions, ports: readonly number[], folder: TempFolder) {
    const { name, host = "127.0.0.1" } = options;
    const program = {
      command: SRS_BIN!,
      args: ["-c", folder.file("srs.conf")],
      cwd: folder.path,
      env: { SRS_DEVICE_IP: host },
    };
    super({ name, host, rtmpPort: ports[0]!, httpPort: ports[1]! }, program, folder);
    this.apiPort = ports[2]!;
    this.rtcPort = ports[3]!;
    this.srtPort = ports[4]!;
  }

  /**
   * Starts SRS and waits until its RTMP port and its API answer.
   *
   * @throws Error when SRS_BIN is not set or SRS does not start
   */
  static async open(options: SrsOptions): Promise<Srs> {
    if (SRS_BIN === undefined) throw new Error("Cannot start SRS: SRS_BIN is not set");
    const ports = freePorts(5);
    const folder = new TempFolder();
    await Deno.mkdir(folder.file("objs/nginx/html"), { recursive: true });
    await Deno.writeTextFile(folder.file("srs.conf"), srsConfiguration(options, ports));
    const server = new Srs(options, ports, folder);
    const isReady = () => acceptsAt(server.host, server.rtmpPort, server.httpPort, server.apiPort);
    return await whenReady(server, "SRS accept connections", isReady, 20_000);
  }

  /** Has the HTTP server give out a copy of a file at `path`. */
  async addFile(path: string, file: string): Promise<void> {
    const target = this.folder.file(`objs/nginx/html${path}`);
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(file, target);
  }

  override async publishedStreams(): Promise<string[]> {
    const at = formatAddress({ host: this.host, port: this.apiPort });
    const url = `http://${at}/api/v1/streams?start=0&count=1000`;
    const answer: StreamsAnswer = JSON.parse(await fetchText(url));
    return answer.streams
      .filter(({ app, publish }) => app === "live" && publish.active)
      .map(({ name }) => name);
  }
}

/** Timestamps stay those of the publisher, as with other servers: so viewers can be compared. */
function srsConfiguration(options: SrsOptions, ports: readonly number[]): string {
  const [rtmpPort, httpPort, apiPort, rtcPort, srtPort] = ports;
  const { host = "127.0.0.1" } = options;
  const at = (port: number) => formatAddress({ host, port });
  const rtc = options.rtc === true
    ? `rtc_server { enabled on; listen ${rtcPort}; candidate 127.0.0.1; }`
    : "";
  const srt = options.srt === true ? `srt_server { enabled on; listen ${srtPort}; }` : "";
  return `
listen ${at(rtmpPort!)};
max_connections 1000;
pid objs/srs.pid;
daemon off;
srs_log_tank console;
srs_log_level ${options.traces === true ? "trace" : "warn"};
http_server { enabled on; listen ${at(httpPort!)}; dir ./objs/nginx/html; }
http_api { enabled on; listen ${at(apiPort!)}; }
${rtc}
${srt}
${heartbeatLines(options)}
${(options.top ?? []).join("\n")}
${["__defaultVhost__", ...(options.vhosts ?? [])].map(vhostBlock(options)).join("\n")}
`;
}

function vhostBlock(options: SrsOptions): (name: string) => string {
  const { remux = "flv", hls = [], dash, hookUrl, rtc, vhost = [] } = options;
  const lines = [
    "play { time_jitter off; }",
    `http_remux { enabled on; mount [vhost]/[app]/[stream].${remux}; }`,
    ...(remux === "flv" ? [`hls { ${HLS_LINES} ${hls.join(" ")} }`] : []),
    ...(dash === true ? [DASH_LINE] : []),
    ...(hookUrl === undefined ? [] : [
      `http_hooks { enabled on; on_play ${hookUrl}; on_stop ${hookUrl}; }`,
    ]),
    ...(rtc === true ? ["rtc { enabled on; rtmp_to_rtc on; rtc_to_rtmp on; }"] : []),
    ...(options.srt === true ? ["srt { enabled on; srt_to_rtmp on; }"] : []),
    ...vhost,
  ];
  return (name) => `vhost ${name} {\n  ${lines.join("\n  ")}\n}`;
}

function heartbeatLines({ heartbeatUrl, name }: SrsOptions): string {
  if (heartbeatUrl === undefined) return "";
  return `heartbeat {
  enabled on; interval 2; url ${heartbeatUrl}; device_id ${name}; ports on;
}`;
}
