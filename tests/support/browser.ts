// Headless Chromium, driven by playwright-core. What starts it holds a pipe: when the pipe closes, for
// whatever reason, Chromium ends. Reaches only loopback addresses. Knows no page.

import { createRequire } from "node:module";
import type { Engine, Page } from "./page.ts";
import { PROJECT_FOLDER } from "./project.ts";
import { within } from "./wait.ts";

/**
 * The package that depends on playwright-core, with a lock file of its own, so that running the
 * proxy does not install it.
 */
const PACKAGE = `${PROJECT_FOLDER}/tests/support/playwright`;

/** Names the variable with the URL of the run's Chromium. */
const SHARED = "TEST_CHROMIUM";
/**
 * Where Debian's package installs it: the browser without windows, each page of which takes 0.8 s of CPU
 * less to open.
 */
export const CHROMIUM = "/usr/bin/chromium-headless-shell";
const START_DEADLINE = 30_000;
const END_DEADLINE = 10_000;
/** Deadline for each action on a page, milliseconds. */
const STEP_DEADLINE = 10_000;
/** Makes Chromium use only TCP, as in a network without UDP. */
export const WITHOUT_UDP: readonly string[] = [
  "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
];
const ARGUMENTS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
  reaching("127.0.0.1"),
  // A camera that shows a test picture without asking for permission, and WebRTC over 127.0.0.1.
  ...["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
  "--allow-loopback-in-peer-connection",
];

/** The argument that lets the browser resolve only one host; the last such argument counts. */
export function reaching(host: string): string {
  return `--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE ${host}`;
}

/** The size of the window. */
export interface View {
  readonly width: number;
  readonly height: number;
  readonly colorScheme: "light" | "dark";
}

/** A page and the errors on it. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors of the page's code and of what it loads, as the browser's console shows them. */
  readonly errors: readonly string[];
}

const DESKTOP: View = { width: 1280, height: 1000, colorScheme: "light" };

/** Installs playwright-core, unless it is there. */
export async function installPlaywright(): Promise<void> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["install", "--quiet", "--frozen"],
    cwd: PACKAGE,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  });
  const { success } = await command.output();
  if (!success) throw new Error("Cannot install playwright-core");
}

interface LaunchOptions {
  readonly executablePath: string;
  readonly headless: boolean;
  readonly args: readonly string[];
  readonly timeout: number;
  readonly handleSIGINT: boolean;
  readonly handleSIGTERM: boolean;
  readonly handleSIGHUP: boolean;
}

/** What launches Chromium, and what connects to one that others share. */
interface Launcher {
  launch(options: LaunchOptions): Promise<Engine>;
  launchServer(options: LaunchOptions & { readonly host: string }): Promise<EngineServer>;
  connect(url: string, options: { readonly timeout: number }): Promise<Engine>;
}

interface EngineServer {
  wsEndpoint(): string;
  close(): Promise<void>;
}

const requirePackage = createRequire(`${PACKAGE}/package.json`);

function launcher(): Launcher {
  return requirePackage("playwright-core").chromium;
}

/** The part of playwright-core's WebSocket that is used. */
interface Socket {
  /** Called once it is connected. */
  setSocket(...connection: unknown[]): void;
  once(event: "close", listener: () => void): void;
}

/**
 * Playwright does not wait for the end of its connections, and what is left of one would be taken for a
 * leak of the test. So this has a promise of the end of each connection of this thread.
 */
class SocketEnds {
  static #all: SocketEnds | undefined;
  readonly #ends = new Set<Promise<void>>();

  private constructor(prototype: Socket) {
    const ends = this.#ends;
    const setSocket = prototype.setSocket;
    prototype.setSocket = function (...connection): void {
      const end = new Promise<void>((resolve) => this.once("close", resolve));
      ends.add(end);
      void end.then(() => ends.delete(end));
      setSocket.apply(this, connection);
    };
  }

  static get all(): SocketEnds {
    return this.#all ??= new SocketEnds(
      requirePackage("playwright-core/lib/utilsBundle").ws.prototype,
    );
  }

  /** Those that `connect` has added. */
  async of<Value>(connect: Promise<Value>): Promise<[Value, ReadonlySet<Promise<void>>]> {
    const before = new Set(this.#ends);
    const value = await connect;
    return [value, this.#ends.difference(before)];
  }
}

function launchOptions(args: readonly string[], executablePath: string): LaunchOptions {
  return {
    executablePath,
    headless: true,
    args: [...ARGUMENTS, ...args],
    timeout: START_DEADLINE,
    // Signals are left to the test runner.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  };
}

/**
 * A Chromium for all test processes of a run, since its start takes longer than most tests need it. Each
 * `Browser` has pages of its own there, which share nothing with those of others.
 */
export class SharedChromium implements AsyncDisposable {
  /** The variables with which a test process finds it. */
  readonly variables: Readonly<Record<string, string>>;
  readonly #server: EngineServer;

  private constructor(server: EngineServer) {
    this.#server = server;
    this.variables = { [SHARED]: server.wsEndpoint() };
  }

  /** @throws Error when Chromium is not there or does not start in time */
  static async open(): Promise<SharedChromium> {
    await installPlaywright();
    const options = { ...launchOptions([], CHROMIUM), host: "127.0.0.1" };
    return new SharedChromium(await launcher().launchServer(options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within("the end of Chromium", END_DEADLINE, this.#server.close());
  }
}

/**
 * A Chromium with an empty profile, or, where it needs no arguments, a part of the run's, which is as
 * empty. Disposing of it ends it.
 */
export class Browser implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #ends: ReadonlySet<Promise<void>>;

  private constructor(engine: Engine, ends: ReadonlySet<Promise<void>> = new Set()) {
    this.#engine = engine;
    this.#ends = ends;
  }

  /**
   * @param more arguments
   * @param executablePath what runs it
   * @throws Error when Chromium is not there or does not start in time
   */
  static async open(
    more: readonly string[] = [],
    executablePath = CHROMIUM,
  ): Promise<Browser> {
    const shared = Deno.env.get(SHARED);
    if (shared !== undefined && more.length === 0 && executablePath === CHROMIUM) {
      const all = SocketEnds.all;
      const connecting = launcher().connect(shared, { timeout: START_DEADLINE });
      return new Browser(...await all.of(connecting));
    }
    await installPlaywright();
    return new Browser(await launcher().launch(launchOptions(more, executablePath)));
  }

  async #close(): Promise<void> {
    await this.#engine.close();
    await Promise.all(this.#ends);
  }

  /** Opens a URL in a page that shares nothing with other pages. */
  async openPage(url: string, view: View = DESKTOP): Promise<WatchedPage> {
    const { width, height, colorScheme } = view;
    const context = await this.#engine.newContext({
      viewport: { width, height },
      colorScheme,
      // The tests' certificates are not signed by an authority that Chromium knows.
      ignoreHTTPSErrors: true,
    });
    context.setDefaultTimeout(STEP_DEADLINE);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(url);
    return { page, errors };
  }

  /** The accessibility faults of a page, as found by axe-core. */
  static async accessibilityFaults(page: Page): Promise<readonly string[]> {
    const axe = requirePackage("axe-core");
    await page.evaluate(`{ ${axe.source} }`);
    return await page.evaluate<readonly string[]>(`axe.run().then(({ violations }) => {
      return violations.flatMap(({ id, nodes }) => {
        return nodes.map(({ html, failureSummary }) => id + ": " + html + " " + failureSummary);
      });
    })`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within("the end of Chromium", END_DEADLINE, this.#close());
  }
}
