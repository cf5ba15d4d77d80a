// nginx as a relay to measure against: its stream module before an RTMP origin, its HTTP proxy before an
// HTTP origin, in one process.

import { Child } from "../support/child.ts";
import { accepts } from "../support/origin_server.ts";
import { freePorts } from "../support/ports.ts";
import { TempFolder } from "../support/temp_folder.ts";

const STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";

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

  /** @throws Error when it does not start */
  static async open(originPort: number): Promise<NginxRelay> {
    const ports = freePorts(2);
    const folder = new TempFolder();
    await Deno.writeTextFile(folder.file("nginx.conf"), configuration(folder, ports, originPort));
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

function configuration(
  folder: TempFolder,
  [streamPort, httpPort]: readonly number[],
  originPort: number,
): string {
  return `
${Deno.uid() === 0 ? "user root;" : ""}
daemon off;
master_process off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${folder.path}/nginx.pid;
load_module ${STREAM_MODULE};
events { worker_connections 19000; }
stream {
  server { listen 127.0.0.1:${streamPort}; proxy_pass 127.0.0.1:${originPort}; }
}
http {
  access_log off;
  client_body_temp_path ${folder.path}/body;
  proxy_temp_path ${folder.path}/proxy;
  fastcgi_temp_path ${folder.path}/fastcgi;
  uwsgi_temp_path ${folder.path}/uwsgi;
  scgi_temp_path ${folder.path}/scgi;
  server {
    listen 127.0.0.1:${httpPort};
    location / {
      proxy_pass http://127.0.0.1:${originPort};
      proxy_http_version 1.1;
      proxy_buffering off;
    }
  }
}
`;
}
