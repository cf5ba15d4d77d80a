// `GET /api/v1/versions`, which every HTTP listener answers: in SRS's shape and with the two fields of the
// reference proxy, so that clients of either find what they expect.

import { Hono } from "hono";
import { answerErrorsInJson } from "./json_answers.ts";

/** How the program identifies itself; plain data. */
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
  /** Identifies this process, and changes with every restart; as SRS does. */
  readonly service: string;
  /** The process id, as text like SRS's. */
  readonly pid: string;
}

/** An app that answers `/api/v1/versions` and nothing else; other apps mount it at `/`. */
export function versionsApp(about: About): Hono {
  const app = new Hono({ strict: false });
  answerErrorsInJson(app);
  app.get("/api/v1/versions", (context) => context.json(versionsAnswer(about)));
  return app;
}

export function versionsAnswer(about: About): Readonly<Record<string, unknown>> {
  const { signature, service, version, numbers, pid } = about;
  return { code: 0, server: signature, service, pid, signature, version, data: numbers };
}
