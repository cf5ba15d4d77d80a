// `GET /api/v1/versions`, which every HTTP listener answers: SRS's own shape and the two fields of
// the reference proxy at once, so that a client of either finds what it expects.

import { Hono } from "hono";
import { answerErrorsInJson } from "./json_answers.ts";

/** What the program says of itself; plain data. */
export interface About {
  /** Name of the program. */
  readonly signature: string;
  readonly version: string;
  /** The version in SRS's shape. */
  readonly numbers: {
    readonly major: number;
    readonly minor: number;
    readonly revision: number;
    readonly version: string;
  };
  /** Of this process, another one after a restart; as SRS names itself. */
  readonly service: string;
  /** Id of this process at the operating system, as SRS gives it: a text. */
  readonly pid: string;
}

/** An app that knows `/api/v1/versions` and nothing else; other apps mount it at `/`. */
export function versionsApp(about: About): Hono {
  const app = new Hono({ strict: false });
  answerErrorsInJson(app);
  app.get("/api/v1/versions", (context) => context.json(versionsAnswer(about)));
  return app;
}

/** What is answered to that. */
export function versionsAnswer(about: About): Readonly<Record<string, unknown>> {
  const { signature, service, version, numbers, pid } = about;
  return { code: 0, server: signature, service, pid, signature, version, data: numbers };
}
