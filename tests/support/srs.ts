// A real SRS as origin, if SRS_BIN names its executable: it registers itself with its own
// heartbeat. Of the proxy it knows only the URL for heartbeats.

import { formatAddress } from "../../src/core/endpoint.ts";
import { whenReady } from "./child.ts";
import { acceptsAt, fetchText, OriginServer } from "./origin_server.ts";
import { freePorts } from "./ports.ts";
import { TempFolder } from "./temp_folder.ts";

/** The executable of a real SRS; undefined if there is none. */
export const SRS_BIN: string | undefined = Deno.env.get("SRS_BIN") || undefined;

/** How the server is named and where it registers. */
export interface SrsOptions {
  readonly name: string;
  /** Where it listens for TCP; 127.0.0.1 unless given. */
  readonly host?: string;
  /** The whole URL of the register endpoint, including the query. */
  readonly heartbeatUrl?: string;
  /**
   * What `/live/` serves: live FLV with HLS (the default), or live TS, which SRS serves without
   * HLS.
   */
  readonly remux?: "flv" | "ts";
  /** Additional lines for HLS. */
  readonly hls?: readonly string[];
  /** Serves `/live/STREAM.mpd` too. */
  readonly dash?: boolean;
  /** Enables WebRTC, and bridges it to RTMP and back. */
  readonly rtc?: boolean;
  /** Enables SRT, and bridges it to RTMP. */
  readonly srt?: boolean;
  /** Gets a POST with JSON (`action`, `vhost`, `stream`, `param`, `ip`) for each player. */
  readonly hookUrl?: string;
  /** Vhosts in addition to the default one, with the same lines. */
  readonly vhosts?: readonly string[];
  /** Logs what it does to standard output, not only errors. */
  readonly traces?: boolean;
  /** Additional lines before the vhosts. */
  readonly top?: readonly string[];
  /** Additional lines for each vhost. */
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
  /** The port for WebRTC media, if enabled. */
  readonly rtcPort: number;
  /** The port for SRT, if enabled. */
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

  /** Makes the HTTP server serve a copy of a file at `path`. */
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

/** Timestamps stay the publisher's, as with other servers, so that viewers can be compared. */
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
