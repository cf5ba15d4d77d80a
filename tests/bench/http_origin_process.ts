// The origin of the HTTP bench: at `/BYTES-MILLISECONDS/NAME.flv` a live stream in chunks of so many
// bytes, one in so many milliseconds. Asked for its `port` it gives that, else what it has done.

import { HttpOrigin, live } from "../support/http_origin.ts";
import { answerQuestions } from "./answer_questions.ts";

/** What the process has done. */
export interface OriginFigures {
  readonly connections: number;
  /** Bytes written to all of its clients so far. */
  readonly written: number;
}

const origin = new HttpOrigin((path) => {
  const match = /^\/(\d+)-(\d+)\/[\w-]+\.flv$/.exec(path);
  if (match === null) return undefined;
  const [tagLength, interval] = [Number(match[1]), Number(match[2])];
  return live({ framing: "chunked", tagLength, interval });
});

answerQuestions((question) => {
  if (question === "port") return String(origin.httpPort);
  const figures: OriginFigures = { connections: origin.connections, written: origin.written() };
  return JSON.stringify(figures);
});
