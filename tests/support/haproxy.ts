// HAProxy as a load balancer. Knows nothing about what is behind it.

import { Child, whenReady } from "./child.ts";
import { TempFolder } from "./temp_folder.ts";

/** A port and its target. */
export interface Balanced {
  readonly port: number;
  readonly to: number;
  readonly mode: "tcp" | "http";
  /** Additional options of the bind line: `accept-proxy`. */
  readonly bind?: string;
  /** Additional options of the server line: `send-proxy`, `source 127.0.0.9`. */
  readonly server?: string;
  /** Additional configuration lines. */
  readonly lines?: readonly string[];
}

/** A running HAProxy; it writes its log, with each client's address, to its output. */
export class Haproxy implements AsyncDisposable {
  readonly process: Child;
  readonly #folder: TempFolder;

  private constructor(folder: TempFolder) {
    this.#folder = folder;
    this.process = new Child({
      command: "haproxy",
      args: ["-db", "-f", folder.file("haproxy.cfg")],
    });
  }

  /** Starts it and waits until all its ports accept connections. */
  static async open(ports: readonly Balanced[]): Promise<Haproxy> {
    const folder = new TempFolder();
    await Deno.writeTextFile(folder.file("haproxy.cfg"), configuration(ports));
    return await whenReady(new Haproxy(folder), "HAProxy listen", () => isListening(ports));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

/** Whether the system lists all ports as listening; does not connect to what is behind them. */
function isListening(ports: readonly Balanced[]): boolean {
  const text = Deno.readTextFileSync("/proc/net/tcp");
  return ports.every(({ port }) => {
    return text.includes(`:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 0A`);
  });
}

function configuration(ports: readonly Balanced[]): string {
  const sections = ports.map(({ port, to, mode, bind = "", server = "", lines = [] }) => `
listen port${port}
  mode ${mode}
  bind 127.0.0.1:${port} ${bind}
  log-format "client %ci port %fp"
  ${lines.join("\n  ")}
  server behind 127.0.0.1:${to} ${server}
`);
  return `
global
  log stdout format raw local0
defaults
  log global
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${sections.join("")}`;
}
