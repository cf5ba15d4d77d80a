// The HTTP API in front of recorded origins, asked without a listener of its own.

import { httpApi, type HttpApiDependencies } from "../../src/api/http_api.ts";
import { OriginAnswers } from "../../src/api/origin_answers.ts";
import { systemClock } from "../../src/core/clock.ts";
import { HopMark } from "../../src/core/hop_mark.ts";
import { OriginAsker } from "../../src/http1/origin_questions.ts";
import { DenoTcpEngine } from "../../src/net/deno/tcp_engine.ts";
import type { RecordedSrs } from "./recorded_srs.ts";
import { ABOUT, managementWith } from "./system_desk.ts";

/** A client on this machine, and one elsewhere. */
export const HERE = { host: "127.0.0.1", port: 4711 };
export const AWAY = { host: "203.0.113.7", port: 4711 };

/** What such an API needs, with what a test brings in place of ours. */
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

/** What these origins tell, over real sockets. */
export function answersOf(origins: readonly RecordedSrs[], credentials?: string): OriginAnswers {
  const questions = new OriginAsker({
    engine: new DenoTcpEngine(systemClock),
    clock: systemClock,
    hopMark: new HopMark(),
    agent: "proxy/1.2.3",
    resolved: (origin) => Promise.resolve(origin),
    credentials: () => credentials,
  });
  const registrar = { origins: () => Promise.resolve(origins.map(({ status }) => status)) };
  return new OriginAnswers({ clock: systemClock, registrar, questions });
}

/** An answer in JSON. */
export interface JsonAnswer {
  readonly status: number;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

/** The API of a proxy with these origins. */
export class ApiDesk implements Disposable {
  readonly #answers: OriginAnswers;
  readonly #handle: ReturnType<typeof httpApi>;

  constructor(origins: readonly RecordedSrs[], options: Partial<HttpApiDependencies> = {}) {
    this.#answers = answersOf(origins);
    this.#handle = httpApi(apiDependencies({ answers: this.#answers, ...options }));
  }

  /** Asked by a client on this machine, unless told. */
  async fetch(path: string, init: RequestInit = {}, peer = HERE): Promise<Response> {
    return await this.#handle(new Request(`http://127.0.0.1:11985${path}`, init), peer);
  }

  async ask(path: string, init: RequestInit = {}): Promise<JsonAnswer> {
    const response = await this.fetch(path, init);
    return { status: response.status, body: await response.json() };
  }

  [Symbol.dispose](): void {
    this.#answers[Symbol.dispose]();
  }
}
