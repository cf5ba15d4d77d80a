// What answers in the JSON of SRS's HTTP API have in common, and how an origin's answers are parsed.

import { isObject, type JsonObject } from "../core/json_object.ts";
import type { OriginReply } from "../core/origin_questions.ts";
import { refusedAnswer, unreadableAnswer } from "./origin_answers.ts";

/** SRS's codes for an unknown id. */
export const NOT_FOUND_CODES = { vhosts: 2014, streams: 2048, clients: 2049 } as const;

/** What can be listed, and asked for by id. */
export type ListName = keyof typeof NOT_FOUND_CODES;

/** The member that holds a single entry. */
export const SINGULARS = { vhosts: "vhost", streams: "stream", clients: "client" } as const;

/** The answer of an origin, whatever its code. @throws ProxyError when SRS would not answer like this */
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

/** The answer of an origin that has what was asked for. @throws ProxyError when it does not */
export function readGoodAnswer(reply: OriginReply): JsonObject {
  const answer = readSrsAnswer(reply);
  if (answer.code !== 0) throw refusedAnswer();
  return answer;
}
