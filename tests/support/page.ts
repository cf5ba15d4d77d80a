// The parts of playwright-core that tests use; it is not a dependency of the project, see
// browser.ts.

interface Named {
  readonly name?: string | RegExp;
  readonly exact?: boolean;
}

/** Elements of a page, located again for each action, which waits until there is one. */
export interface Locator {
  check(): Promise<void>;
  click(): Promise<void>;
  count(): Promise<number>;
  fill(text: string): Promise<void>;
  first(): Locator;
  getAttribute(name: string): Promise<string | null>;
  getByRole(role: string, options?: Named): Locator;
  getByText(text: string | RegExp, options?: Named): Locator;
  innerText(): Promise<string>;
  inputValue(): Promise<string>;
  isDisabled(): Promise<boolean>;
  isVisible(): Promise<boolean>;
  /** Focuses it first. */
  press(key: string): Promise<void>;
  screenshot(options?: { readonly path?: string }): Promise<Uint8Array>;
  /** @param options waits for the last one to be gone instead of the first one to be visible */
  waitFor(options?: { readonly state: "detached" }): Promise<void>;
}

/** How often the functions of a script were called, each followed by blocks in it. */
export interface ScriptCoverage {
  readonly functions: readonly { readonly ranges: readonly { readonly count: number }[] }[];
}

/** A page in a browser. */
export interface Page {
  /**
   * Of the page's scripts, from one call to the other. Functions that have been called often before
   * are not counted, so begin before the page is loaded.
   */
  readonly coverage: {
    startJSCoverage(options: { readonly resetOnNavigation: false }): Promise<void>;
    stopJSCoverage(): Promise<readonly ScriptCoverage[]>;
  };
  readonly keyboard: {
    press(key: string): Promise<void>;
    type(text: string): Promise<void>;
  };
  close(): Promise<void>;
  /** @param script an expression whose value must be JSON */
  evaluate<T>(script: string): Promise<T>;
  getByLabel(text: string, options?: Named): Locator;
  getByRole(role: string, options?: Named): Locator;
  getByText(text: string | RegExp, options?: Named): Locator;
  goto(url: string): Promise<unknown>;
  locator(selector: string): Locator;
  on(
    event: "console",
    listener: (message: { type(): string; text(): string }) => void,
  ): void;
  on(event: "pageerror", listener: (error: Error) => void): void;
  screenshot(options?: { readonly path?: string }): Promise<Uint8Array>;
  url(): string;
}

/** A running browser. */
export interface Engine {
  close(): Promise<void>;
  newContext(options: {
    readonly viewport: { readonly width: number; readonly height: number };
    readonly colorScheme: "light" | "dark";
    readonly ignoreHTTPSErrors: boolean;
  }): Promise<{
    newPage(): Promise<Page>;
    setDefaultTimeout(milliseconds: number): void;
  }>;
}
