// The HTTP API in front of recorded origins, called without a listener.

import { type HttpApi, httpApi, type HttpApiDependencies } from "../../src/api/http_api.ts";
import { httpDocument } from "../../src/api/http_document.ts";
import { OriginAnswers } from "../../src/api/origin_answers.ts";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { HopMark } from "../../src/core/hop_mark.ts";
import { OriginAsker } from "../../src/http1/origin_questions.ts";
import { DenoTcpEngine } from "../../src/net/deno/tcp_engine.ts";
import { DocumentedApi } from "./documented_api.ts";
import type { RecordedSrs } from "./recorded_srs.ts";
import { ABOUT, managementWith } from "./system_desk.ts";

/** The API's OpenAPI document. */
export const HTTP_DOCUMENT = new DocumentedApi(httpDocument(ABOUT.version));

/** A client on this machine, and one elsewhere. */
export const HERE = { host: "127.0.0.1", port: 4711 };
export const AWAY = { host: "203.0.113.7", port: 4711 };

/** The dependencies of such an API; a test may replace some. */
export function apiDependencies(
  options: Partial<HttpApiDependencies> & Pick<HttpApiDependencies, "answers">,
): HttpApiDependencies {
  return {
    about: ABOUT,
    clock: systemClock,
    access: () => ({}),
    management: managementWith({ clock: systemClock }),
    corsOrigins: () => [],
    passes: () => false,
    signal: () => Promise.resolve(new Response(null, { status: 501 })),
    ...options,
  };
}

/** The answers of these origins, over real sockets. */
export function answersOf(
  origins: readonly Pick<RecordedSrs, "status">[],
  { credentials, clock = systemClock }: { credentials?: string; clock?: Clock } = {},
): OriginAnswers {
  const questions = new OriginAsker({
    engine: new DenoTcpEngine(clock),
    clock,
    hopMark: new HopMark(),
    agent: "proxy/1.2.3",
    resolved: (origin) => Promise.resolve(origin),
    credentials: () => credentials,
  });
  const registrar = { origins: () => Promise.resolve(origins.map(({ status }) => status)) };
  return new OriginAnswers({ clock, registrar, questions });
}

export interface JsonAnswer {
  readonly status: number;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

/** The API of a proxy with these origins. */
export class ApiDesk implements Disposable {
  readonly #answers: OriginAnswers;
  readonly #api: HttpApi;

  constructor(
    origins: readonly Pick<RecordedSrs, "status">[],
    options: Partial<HttpApiDependencies> = {},
  ) {
    this.#answers = answersOf(origins, options);
    this.#api = httpApi(apiDependencies({ answers: this.#answers, ...options }));
  }

  get routes(): HttpApi["routes"] {
    return this.#api.routes;
  }

  /** Sends a request, from a client on this machine unless `peer` is given. */
  async fetch(path: string, init: RequestInit = {}, peer = HERE): Promise<Response> {
    return await this.#api.handle(new Request(`http://127.0.0.1:11985${path}`, init), peer);
  }

  /** The answer must be documented. */
  async ask(path: string, init: RequestInit = {}, peer = HERE): Promise<JsonAnswer> {
    const asked = { method: init.method ?? "GET", url: path };
    const { status, text } = await HTTP_DOCUMENT.read(asked, await this.fetch(path, init, peer));
    return { status, body: JSON.parse(text) };
  }

  [Symbol.dispose](): void {
    this.#answers[Symbol.dispose]();
  }
}
