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
  /** Id of this process at the operating system, as SRS gives it: a text. */
  readonly pid: string;
}

/** An app that knows `/api/v1/versions` and nothing else; other apps mount it at `/`. */
export function versionsApp(about: About): Hono {
  const { signature, version, numbers, pid } = about;
  const app = new Hono({ strict: false });
  answerErrorsInJson(app);
  app.get(
    "/api/v1/versions",
    (context) => context.json({ code: 0, pid, signature, version, data: numbers }),
  );
  return app;
}
