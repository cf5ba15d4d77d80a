// Headless Chromium, driven by playwright-core. What starts it holds a pipe: when the pipe closes, for
// whatever reason, Chromium ends. Reaches only loopback addresses. Knows no page.

import { createRequire } from "node:module";
import type { Engine, Page } from "./page.ts";
import { PROJECT_FOLDER } from "./project.ts";
import { RUN_FOLDER } from "./temp_folder.ts";
import { within } from "./wait.ts";

/**
 * The package that depends on playwright-core, with a lock file of its own, so that running the
 * proxy does not install it.
 */
const PACKAGE = `${PROJECT_FOLDER}/tests/support/playwright`;

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

interface Launcher {
  launch(options: LaunchOptions): Promise<Engine>;
}

const requirePackage = createRequire(`${PACKAGE}/package.json`);

/** A Chromium with an empty profile. Disposing of it ends it. */
export class Browser implements AsyncDisposable {
  readonly #engine: Engine;

  private constructor(engine: Engine) {
    this.#engine = engine;
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
    // A run of all tests has done so.
    if (RUN_FOLDER === undefined) await installPlaywright();
    const { chromium } = requirePackage("playwright-core") as { readonly chromium: Launcher };
    const engine = await chromium.launch({
      executablePath,
      headless: true,
      args: [...ARGUMENTS, ...more],
      timeout: START_DEADLINE,
      // Signals are left to the test runner.
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
    });
    return new Browser(engine);
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
    await within("the end of Chromium", END_DEADLINE, this.#engine.close());
  }
}
