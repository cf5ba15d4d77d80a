// nginx with its RTMP module as a real origin: one process, app `live`, its statistics page, an
// access log of its HTTP server, and optionally publish and play hooks, HLS and DASH. Knows nothing
// about the proxy.

import { formatAddress } from "../../src/core/endpoint.ts";
import { whenReady } from "./child.ts";
import { acceptsAt, fetchText, OriginServer, type OriginServerPlace } from "./origin_server.ts";
import { freePorts } from "./ports.ts";
import { TempFolder } from "./temp_folder.ts";

/** Where Debian's libnginx-mod-rtmp installs the module. */
const NGINX_RTMP_MODULE = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

/** What the server offers in addition to plain RTMP. */
export interface NginxRtmpOptions {
  readonly name?: string;
  /** Where it listens; 127.0.0.1 unless given. */
  readonly host?: string;
  /** Asked before a publish; any status but 2xx refuses it. */
  readonly onPublish?: string;
  /** Asked before a play; any status but 2xx refuses it. */
  readonly onPlay?: string;
  /** Serves `/live/STREAM.m3u8` with fragments of one second. */
  readonly hls?: boolean;
  /** Serves `/live/STREAM.mpd` with fragments of one second. */
  readonly dash?: boolean;
  /** Puts each stream into a folder: `/live/STREAM/index.m3u8` and `/live/STREAM/index.mpd`. */
  readonly nested?: boolean;
  /** Additional lines for the RTMP application, each with its semicolon. */
  readonly directives?: readonly string[];
}

/** A request as nginx logs it, once it has been answered. */
export interface LoggedRequest {
  readonly method: string;
  /** Path and query as in the request line. */
  readonly target: string;
  readonly status: string;
  /** Header fields by lower-case name; empty if the request had none. */
  readonly fields: Readonly<Record<string, string>>;
}

const LOGGED_FIELDS = [
  ...["host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip"],
  ...["authorization", "range", "if-none-match", "user-agent", "connection"],
] as const;

/** A running nginx. */
export class NginxRtmp extends OriginServer {
  private constructor(place: OriginServerPlace, folder: TempFolder) {
    const args = ["-p", folder.path, "-c", folder.file("nginx.conf"), "-e", "stderr"];
    super(place, { command: nginxProgram(), args }, folder);
  }

  /** Starts nginx and waits until both its ports accept connections. */
  static async open(options: NginxRtmpOptions = {}): Promise<NginxRtmp> {
    const [rtmpPort, httpPort] = freePorts(2) as [number, number];
    const folder = new TempFolder();
    for (const name of ["files", "hls", "dash"]) {
      await Deno.mkdir(folder.file(`${name}/live`), { recursive: true });
    }
    const configuration = nginxConfiguration(options, rtmpPort, httpPort, folder.path);
    await Deno.writeTextFile(folder.file("nginx.conf"), configuration);
    const server = new NginxRtmp(
      { ...options, name: options.name ?? "nginx-rtmp", rtmpPort, httpPort },
      folder,
    );
    const isReady = () => acceptsAt(server.host, rtmpPort, httpPort);
    return await whenReady(server, "nginx accept connections", isReady);
  }

  /** Makes the HTTP server serve a copy of a file at `path`, which is `/live/` and a name. */
  async addFile(path: string, file: string): Promise<void> {
    await Deno.copyFile(file, this.folder.file(`files${path}`));
  }

  /** The requests that the HTTP server has answered so far, oldest first. */
  async requests(): Promise<LoggedRequest[]> {
    const text = await Deno.readTextFile(this.folder.file("access.log"));
    return text.split("\n").filter((line) => line !== "").map((line): LoggedRequest => {
      return JSON.parse(line);
    });
  }

  override async publishedStreams(): Promise<string[]> {
    return publishedInStatistics(await fetchText(this.httpUrl("/stat")));
  }
}

function publishedInStatistics(xml: string): string[] {
  const streams = xml.matchAll(/<stream>([\s\S]*?)<\/stream>/g);
  return [...streams]
    .map((match) => match[1]!)
    .filter((stream) => stream.includes("<publishing/>"))
    .map((stream) => /<name>([^<]*)<\/name>/.exec(stream)?.[1] ?? "");
}

function nginxProgram(): string {
  const places = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"];
  const found = places.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
  return found ?? "nginx";
}

function nginxConfiguration(
  options: NginxRtmpOptions,
  rtmpPort: number,
  httpPort: number,
  folder: string,
): string {
  const { host = "127.0.0.1" } = options;
  return `
${Deno.uid() === 0 ? "user root;" : ""}
daemon off;
master_process off;
worker_processes 1;
pid ${folder}/nginx.pid;
load_module ${NGINX_RTMP_MODULE};
events { worker_connections 4096; }
rtmp {
  access_log off;
  server {
    listen ${formatAddress({ host, port: rtmpPort })};
    application live {
      live on;
      ${applicationLines(options, folder).join("\n      ")}
    }
  }
}
http {
  log_format json escape=json '${logFormat()}';
  access_log ${folder}/access.log json;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  types {
    application/vnd.apple.mpegurl m3u8;
    application/dash+xml mpd;
    video/mp2t ts;
    video/mp4 m4v m4a mp4;
    video/x-flv flv;
  }
  server {
    listen ${formatAddress({ host, port: httpPort })};
    root ${folder}/files;
    location = /stat { access_log off; rtmp_stat all; }
    location ~ [.]m3u8$ { root ${folder}/hls; add_header Cache-Control no-cache; }
    location ~ [.]mpd$ { root ${folder}/dash; add_header Cache-Control no-cache; }
    location ~ [.](ts|key)$ { root ${folder}/hls; }
    location ~ [.](m4v|m4a)$ { root ${folder}/dash; }
  }
}
`;
}

function logFormat(): string {
  const fields = LOGGED_FIELDS.map((name) => `"${name}":"$http_${name.replaceAll("-", "_")}"`);
  const line = `"method":"$request_method","target":"$request_uri","status":"$status"`;
  return `{${line},"fields":{${fields.join(",")}}}`;
}

function applicationLines(options: NginxRtmpOptions, folder: string): string[] {
  const { onPublish, onPlay, hls, dash, nested, directives } = options;
  const formats = [...(hls === true ? ["hls"] : []), ...(dash === true ? ["dash"] : [])];
  return [
    ...(onPublish === undefined ? [] : [`on_publish ${onPublish};`]),
    ...(onPlay === undefined ? [] : [`on_play ${onPlay};`]),
    ...formats.flatMap((format) => [
      ...[`${format} on;`, `${format}_path ${folder}/${format}/live;`, `${format}_fragment 1s;`],
      ...(nested === true ? [`${format}_nested on;`] : []),
    ]),
    ...(directives ?? []),
  ];
}
