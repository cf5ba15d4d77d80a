import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import { findHeadEnd, parseHead } from "./head.ts";
import { type HttpRequest, understandRequest } from "./request.ts";
import { GOOD_REQUESTS, REFUSED_REQUESTS } from "./request_cases.ts";

function understand(text: string): HttpRequest {
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const end = findHeadEnd(bytes);
  assert.ok(end > 0, "there is no end of a head");
  return understandRequest(parseHead(bytes.subarray(0, end)));
}

for (const [name, [head, expected]] of Object.entries(GOOD_REQUESTS)) {
  Deno.test(`a request is taken apart as it was sent: ${name}`, () => {
    const request = understand(head);
    const read = Object.keys(expected).map((key) => [key, request[key as keyof HttpRequest]]);
    assert.deepEqual(Object.fromEntries(read), expected);
  });
}

for (const [name, head] of Object.entries(REFUSED_REQUESTS)) {
  Deno.test(`a request is refused: ${name}`, () => {
    assert.throws(() => understand(head), ProtocolError);
  });
}
