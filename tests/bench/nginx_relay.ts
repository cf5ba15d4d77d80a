// nginx as a reference relay: its stream module in front of an RTMP origin and its HTTP proxy in
// front of an HTTP origin, in one process, with or without TLS for clients. Also adds TLS to
// clients without it.

import { Child } from "../support/child.ts";
import { accepts } from "../support/origin_server.ts";
import { freePorts } from "../support/ports.ts";
import { TempFolder } from "../support/temp_folder.ts";

const STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";

/** The files of a certificate and its key. */
export interface PairFiles {
  readonly certificate: string;
  readonly key: string;
}

/** A running nginx; disposing of it ends it. */
export class NginxRelay implements AsyncDisposable {
  readonly streamPort: number;
  readonly httpPort: number;
  readonly process: Child;
  readonly #folder: TempFolder;

  private constructor([streamPort, httpPort]: readonly number[], folder: TempFolder) {
    this.streamPort = streamPort!;
    this.httpPort = httpPort!;
    this.#folder = folder;
    const args = ["-p", folder.path, "-c", folder.file("nginx.conf"), "-e", "stderr"];
    this.process = new Child({ command: "/usr/sbin/nginx", args });
  }

  /**
   * @param tls the certificate for clients, if they use TLS
   * @throws Error when it does not start
   */
  static open(originPort: number, tls?: PairFiles): Promise<NginxRelay> {
    return NginxRelay.#start((folder, ports) => configuration({ folder, ports, originPort, tls }));
  }

  /** Passes plain connections to its ports on to these ports over TLS. */
  static openTunnel(rtmps: number, https: number): Promise<NginxRelay> {
    return NginxRelay.#start((folder, ports) => tunnel(folder, ports, [rtmps, https]));
  }

  static async #start(
    configurationOf: (folder: TempFolder, ports: readonly number[]) => string,
  ): Promise<NginxRelay> {
    const ports = freePorts(2);
    const folder = new TempFolder();
    await Deno.writeTextFile(folder.file("nginx.conf"), configurationOf(folder, ports));
    const relay = new NginxRelay(ports, folder);
    const isReady = async () => await accepts(ports[1]!);
    await relay.process.until("nginx accept connections", isReady);
    return relay;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

function common(folder: TempFolder): string {
  return `
${Deno.uid() === 0 ? "user root;" : ""}
daemon off;
master_process off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${folder.path}/nginx.pid;
load_module ${STREAM_MODULE};
events { worker_connections 19000; }
`;
}

function tunnel(folder: TempFolder, ports: readonly number[], targets: readonly number[]): string {
  const servers = ports.map((port, at) => {
    return `server { listen 127.0.0.1:${port}; proxy_ssl on; proxy_pass 127.0.0.1:${
      targets[at]
    }; }`;
  });
  return `${common(folder)}stream { ${servers.join(" ")} }`;
}

function configuration({ folder, ports: [streamPort, httpPort], originPort, tls }: {
  readonly folder: TempFolder;
  readonly ports: readonly number[];
  readonly originPort: number;
  readonly tls: PairFiles | undefined;
}): string {
  const ssl = tls === undefined ? "" : "ssl";
  const pair = tls === undefined
    ? ""
    : `ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.key};`;
  return `${common(folder)}
stream {
  ${pair}
  server { listen 127.0.0.1:${streamPort} ${ssl}; proxy_pass 127.0.0.1:${originPort}; }
}
http {
  access_log off;
  client_body_temp_path ${folder.path}/body;
  proxy_temp_path ${folder.path}/proxy;
  fastcgi_temp_path ${folder.path}/fastcgi;
  uwsgi_temp_path ${folder.path}/uwsgi;
  scgi_temp_path ${folder.path}/scgi;
  ${pair}
  server {
    listen 127.0.0.1:${httpPort} ${ssl};
    location / {
      proxy_pass http://127.0.0.1:${originPort};
      proxy_http_version 1.1;
      proxy_buffering off;
    }
  }
}
`;
}
