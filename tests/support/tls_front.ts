// nginx as a TLS front end for servers without TLS, as operators put it in front of an origin.

import { Child } from "./child.ts";
import { accepts } from "./origin_server.ts";
import { freePorts } from "./ports.ts";
import { TempFolder } from "./temp_folder.ts";

const STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";

/** The files of a certificate and its key. */
export interface ShownFiles {
  readonly certificate: string;
  readonly key: string;
}

/** A running nginx; disposing of it ends it. */
export class TlsFront implements AsyncDisposable {
  /** The TLS ports, on 127.0.0.1 and ::1, in the order of the targets. */
  readonly ports: readonly number[];
  readonly process: Child;
  readonly #folder: TempFolder;

  private constructor(ports: readonly number[], folder: TempFolder) {
    this.ports = ports;
    this.#folder = folder;
    const args = ["-p", folder.path, "-c", folder.file("nginx.conf"), "-e", "stderr"];
    this.process = new Child({ command: "/usr/sbin/nginx", args });
  }

  /** @param targets ports of 127.0.0.1 @throws Error when it does not start */
  static async open(shown: ShownFiles, targets: readonly number[]): Promise<TlsFront> {
    const ports = freePorts(targets.length);
    const folder = new TempFolder();
    await Deno.writeTextFile(
      folder.file("nginx.conf"),
      configuration(folder, shown, ports, targets),
    );
    const front = new TlsFront(ports, folder);
    await front.process.until("nginx accept connections", () => accepts(...ports));
    return front;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

function configuration(
  folder: TempFolder,
  { certificate, key }: ShownFiles,
  ...[ports, targets]: readonly [readonly number[], readonly number[]]
): string {
  const servers = ports.map((port, at) => {
    const listen = ["127.0.0.1", "[::1]"].map((host) => `listen ${host}:${port} ssl;`).join(" ");
    return `server { ${listen} proxy_pass 127.0.0.1:${targets[at]}; }`;
  });
  return `
${Deno.uid() === 0 ? "user root;" : ""}
daemon off;
master_process off;
worker_processes 1;
pid ${folder.path}/nginx.pid;
load_module ${STREAM_MODULE};
events { worker_connections 4096; }
stream {
  ssl_certificate ${certificate};
  ssl_certificate_key ${key};
  ${servers.join("\n  ")}
}
`;
}
