// nginx with its RTMP module as a real origin: one process, app `live`, its own statistics page,
// and on request publish and play hooks, HLS and DASH. Knows nothing of the proxy.

import { Child } from "./child.ts";
import { accepts, fetchText, type OriginServer } from "./origin_server.ts";
import { freePorts } from "./ports.ts";
import { TempFolder } from "./temp_folder.ts";

/** Where Debian's libnginx-mod-rtmp puts the module. */
export const NGINX_RTMP_MODULE = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

/** What the server offers beside plain RTMP. */
export interface NginxRtmpOptions {
  readonly name?: string;
  /** Asked before a publish; any status but 2xx refuses it. */
  readonly onPublish?: string;
  /** Asked before a play; any status but 2xx refuses it. */
  readonly onPlay?: string;
  /** Serves `/hls/STREAM.m3u8` with fragments of one second. */
  readonly hls?: boolean;
  /** Serves `/dash/STREAM.mpd` with fragments of one second. */
  readonly dash?: boolean;
  /** Further lines for the RTMP application, each with its semicolon. */
  readonly directives?: readonly string[];
}

/** A running nginx; see `OriginServer`. */
export class NginxRtmp implements OriginServer {
  readonly name: string;
  readonly rtmpPort: number;
  readonly httpPort: number;
  readonly process: Child;
  readonly #folder: TempFolder;

  private constructor(name: string, ports: readonly number[], folder: TempFolder) {
    this.name = name;
    this.rtmpPort = ports[0]!;
    this.httpPort = ports[1]!;
    this.#folder = folder;
    this.process = new Child({
      command: nginxProgram(),
      args: ["-p", folder.path, "-c", folder.file("nginx.conf"), "-e", "stderr"],
    });
  }

  /** Starts nginx and waits until both its ports accept connections. */
  static async open(options: NginxRtmpOptions = {}): Promise<NginxRtmp> {
    const ports = freePorts(2);
    const folder = new TempFolder();
    const configuration = nginxConfiguration(options, ports[0]!, ports[1]!, folder.path);
    await Deno.writeTextFile(folder.file("nginx.conf"), configuration);
    const server = new NginxRtmp(options.name ?? "nginx-rtmp", ports, folder);
    try {
      const isReady = async () => await accepts(server.rtmpPort) && await accepts(server.httpPort);
      await server.process.until("nginx accept connections", isReady);
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
    return publishedInStatistics(await fetchText(`http://127.0.0.1:${this.httpPort}/stat`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
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
    listen 127.0.0.1:${rtmpPort};
    application live {
      live on;
      ${applicationLines(options, folder).join("\n      ")}
    }
  }
}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  types {
    application/vnd.apple.mpegurl m3u8;
    application/dash+xml mpd;
    video/mp2t ts;
    video/mp4 m4v m4a;
  }
  server {
    listen 127.0.0.1:${httpPort};
    root ${folder};
    location = /stat { rtmp_stat all; }
    location /hls/ { add_header Cache-Control no-cache; }
    location /dash/ { add_header Cache-Control no-cache; }
  }
}
`;
}

function applicationLines(options: NginxRtmpOptions, folder: string): string[] {
  const { onPublish, onPlay, hls, dash, directives } = options;
  return [
    ...(onPublish === undefined ? [] : [`on_publish ${onPublish};`]),
    ...(onPlay === undefined ? [] : [`on_play ${onPlay};`]),
    ...(hls === true ? ["hls on;", `hls_path ${folder}/hls;`, "hls_fragment 1s;"] : []),
    ...(dash === true ? ["dash on;", `dash_path ${folder}/dash;`, "dash_fragment 1s;"] : []),
    ...(directives ?? []),
  ];
}
