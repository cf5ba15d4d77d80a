// Answers in the JSON of SRS's HTTP API: what they have in common, and how an origin's are read.

import type { OriginReply } from "../core/origin_questions.ts";
import { refusedAnswer, unreadableAnswer } from "./origin_answers.ts";

/** Anything in JSON with names. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** What SRS answers when there is nothing of an id. */
export const NOT_FOUND_CODES = { vhosts: 2014, streams: 2048, clients: 2049 } as const;

/** What can be listed, and asked for by id. */
export type ListName = keyof typeof NOT_FOUND_CODES;

/** Under which name one of them is told. */
export const SINGULARS = { vhosts: "vhost", streams: "stream", clients: "client" } as const;

/** The answer of an origin, whatever its code. @throws ProxyError when it is none of SRS's */
export function readSrsAnswer(
  { status, body }: OriginReply,
): JsonObject & { readonly code: number } {
  if (status >= 400) throw refusedAnswer();
  let answer: unknown;
  try {
    answer = JSON.parse(new TextDecoder().decode(body));
  } catch (cause) {
    throw unreadableAnswer(cause);
  }
  if (!isObject(answer) || typeof answer["code"] !== "number") throw unreadableAnswer();
  return { ...answer, code: answer["code"] };
}

/** The answer of an origin that has what was asked for. @throws ProxyError when it has not */
export function readGoodAnswer(reply: OriginReply): JsonObject {
  const answer = readSrsAnswer(reply);
  if (answer.code !== 0) throw refusedAnswer();
  return answer;
}

/** Whether something in JSON has names. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
