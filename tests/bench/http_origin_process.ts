// The origin of the HTTP benchmark: serves at `/BYTES-MILLISECONDS/NAME.flv` a live stream in
// chunks of that many bytes at that interval. Answers `port` with its port, and any other question
// with its figures.

import { HttpOrigin, live } from "../support/http_origin.ts";
import { answerQuestions } from "./answer_questions.ts";

export interface OriginFigures {
  readonly connections: number;
  /** Bytes written to all its clients so far. */
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
