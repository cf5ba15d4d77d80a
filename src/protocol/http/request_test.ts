import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import { parseHead } from "./head.ts";
import { findRequestHead } from "./request_head.ts";
import { type HttpRequest, understandRequest } from "./request.ts";
import {
  GOOD_REQUESTS,
  REFUSED_REQUESTS,
  TOLERATED_REQUESTS,
} from "../../../tests/support/cases/http_request_cases.ts";

function understand(text: string): HttpRequest {
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const found = findRequestHead(bytes);
  assert.ok(found, "the head has no end");
  return understandRequest(parseHead(bytes.subarray(found.start, found.end), found.lineEnd));
}

for (
  const [name, [head, expected]] of Object.entries({
    ...GOOD_REQUESTS,
    ...TOLERATED_REQUESTS,
  })
) {
  Deno.test(`a request is parsed as sent: ${name}`, () => {
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

Deno.test("the position of a head does not depend on how much has arrived", () => {
  const heads = [...Object.values(GOOD_REQUESTS), ...Object.values(TOLERATED_REQUESTS)];
  for (const [head] of heads) {
    const bytes = Uint8Array.from(`${head}GET`, (character) => character.charCodeAt(0));
    for (let length = 0; length < head.length; length++) {
      assert.equal(findRequestHead(bytes.subarray(0, length)), undefined, head);
    }
    assert.equal(findRequestHead(bytes)?.end, head.length, head);
  }
});
