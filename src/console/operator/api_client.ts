// Calls the System API with the operator's token, which is kept until the tab is closed.

/// <reference lib="dom" />

/** Why a request to the API failed. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const KEPT_AS = "srs-proxy-token";
const DEADLINE = 10_000;
/** Longest error text that is shown. */
const LONGEST_TEXT = 300;

/** The API with one operator's token. */
export class ApiClient {
  readonly #token: string;
  readonly #onRefused: (error: ApiError) => void;

  /** @param onRefused called when the API no longer accepts the token */
  constructor(token: string, onRefused: (error: ApiError) => void) {
    this.#token = token;
    this.#onRefused = onRefused;
  }

  /** @throws ApiError with status 0 when there is no answer */
  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return await (await this.#send(path, {}, signal)).json();
  }

  /** @throws ApiError as above */
  async change(method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<void> {
    const json = { "content-type": "application/json" };
    const init = body === undefined
      ? { method }
      : { method, headers: json, body: JSON.stringify(body) };
    await (await this.#send(path, init)).body?.cancel();
  }

  /** An answer that continues until the signal. @throws ApiError as above */
  async stream(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#fetch(path, {}, signal);
    return response.body!;
  }

  async #send(path: string, init: RequestInit, leave?: AbortSignal): Promise<Response> {
    const deadline = AbortSignal.timeout(DEADLINE);
    const signal = leave ? AbortSignal.any([leave, deadline]) : deadline;
    return await this.#fetch(path, init, signal);
  }

  async #fetch(path: string, init: RequestInit, signal: AbortSignal): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.#token !== "") headers.set("authorization", `Bearer ${this.#token}`);
    let response: Response;
    try {
      response = await fetch(path, { ...init, headers, signal, credentials: "omit" });
    } catch (error) {
      if (signal.aborted && (error as Error).name === "AbortError") throw error;
      throw new ApiError(0, "The proxy does not answer");
    }
    if (response.ok) return response;
    const error = new ApiError(response.status, await textOf(response));
    if ([401, 403, 429].includes(response.status)) this.#onRefused(error);
    throw error;
  }
}

/** The token of this tab; empty if there is none. */
export function keptToken(): string {
  return sessionStorage.getItem(KEPT_AS) ?? "";
}

export function keepToken(token: string): void {
  if (token === "") sessionStorage.removeItem(KEPT_AS);
  else sessionStorage.setItem(KEPT_AS, token);
}

/** The API's reason for a refusal, or its status. */
async function textOf(response: Response): Promise<string> {
  const otherwise = `The answer was ${response.status}`;
  try {
    const { data }: { readonly data?: unknown } = await response.json();
    return typeof data === "string" ? data.slice(0, LONGEST_TEXT) : otherwise;
  } catch {
    return otherwise;
  }
}
