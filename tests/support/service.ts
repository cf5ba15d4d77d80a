// A service manager that behaves like systemd with Type=notify: starts a proxy, receives its
// notifications (sd_notify(3)), and kills and restarts it when the watchdog gets none. For machines
// without a service manager.

import { freeProxyPorts, listenVariables, type ProxyPorts, startProxy } from "./proxy.ts";
import type { Child } from "./child.ts";
import { TempFolder } from "./temp_folder.ts";
import { until } from "./wait.ts";

/** One notification, a datagram's fields. */
export type Notice = Readonly<Record<string, string>>;

/** How to run the service. */
export interface ServiceOptions {
  readonly variables?: Readonly<Record<string, string>>;
  /** WatchdogSec, milliseconds; no watchdog unless given. */
  readonly watchdog?: number;
  /** See `proxyCommand`. */
  readonly program?: string;
}

/** A proxy as a service; disposing of it kills the running process. */
export class Service implements AsyncDisposable {
  readonly ports: ProxyPorts = freeProxyPorts();
  /** Notifications since the last start. */
  readonly notices: Notice[] = [];
  /** How often the watchdog has killed the process. */
  kills = 0;
  readonly #options: ServiceOptions;
  readonly #folder = new TempFolder();
  readonly #socket: Deno.DatagramConn;
  readonly #hearing: Promise<void>;
  #process!: Child;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  private constructor(options: ServiceOptions) {
    this.#options = options;
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path: this.#path });
    this.#hearing = this.#hear();
    this.#start();
  }

  /** Starts the service without waiting until it is ready. */
  static start(options: ServiceOptions = {}): Service {
    return new Service(options);
  }

  /** The current process. */
  get process(): Child {
    return this.#process;
  }

  systemUrl(path: string): string {
    return `http://127.0.0.1:${this.ports.systemApi}${path}`;
  }

  /** Waits for the first notice with this field. */
  async notice(field: string, timeout = 20_000): Promise<Notice> {
    const find = () => this.notices.find((notice) => field in notice);
    return await until(`${field} be said`, find, { timeout, describe: () => this.#describe() });
  }

  /** Waits for a notice with READY after the first one with RELOADING. */
  async reloaded(): Promise<Notice> {
    const find = () => {
      const start = this.notices.findIndex((notice) => "RELOADING" in notice);
      return start < 0 ? undefined : this.notices.slice(start).find(({ READY }) => READY === "1");
    };
    const notice = await until("the end of a reload", find, { describe: () => this.#describe() });
    this.notices.length = 0;
    return notice;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#timer);
    await this.#process[Symbol.asyncDispose]();
    this.#socket.close();
    await this.#hearing;
    await this.#folder[Symbol.asyncDispose]();
  }

  get #path(): string {
    return this.#folder.file("notify");
  }

  #start(): void {
    const { variables, watchdog, program } = this.#options;
    this.notices.length = 0;
    this.#process = startProxy([], {
      ...listenVariables(this.ports),
      ...variables,
      NOTIFY_SOCKET: this.#path,
      WATCHDOG_USEC: watchdog === undefined ? undefined : String(watchdog * 1_000),
    }, { program });
  }

  async #hear(): Promise<void> {
    for await (const [bytes] of this.#socket) {
      const lines = new TextDecoder().decode(bytes).trim().split("\n");
      const notice = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s, 2)));
      this.notices.push(notice);
      if ("WATCHDOG" in notice || "READY" in notice) this.#watch();
    }
  }

  /** Restarts the watchdog: the process must send something again in time. */
  #watch(): void {
    const { watchdog } = this.#options;
    if (watchdog === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#restart(), watchdog);
  }

  async #restart(): Promise<void> {
    if (this.#isOver) return;
    await this.#process.kill();
    if (!this.#isOver) this.#start();
    this.kills++;
  }

  #describe(): string {
    return `${JSON.stringify(this.notices)}\n${this.#process.errorText}`;
  }
}
