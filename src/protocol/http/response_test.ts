import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import { findHeadEnd, parseHead } from "./head.ts";
import { type HttpResponse, understandResponse } from "./response.ts";
import {
  GOOD_RESPONSES,
  REFUSED_RESPONSES,
} from "../../../tests/support/cases/http_response_cases.ts";

function understand(method: string, text: string): HttpResponse {
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const end = findHeadEnd(bytes);
  assert.ok(end > 0, "the head has no end");
  return understandResponse(parseHead(bytes.subarray(0, end)), method);
}

for (const [name, [method, head, expected]] of Object.entries(GOOD_RESPONSES)) {
  Deno.test(`a response tells its status and where its body ends: ${name}`, () => {
    const response = understand(method, head);
    const read = Object.keys(expected).map((key) => [key, response[key as keyof HttpResponse]]);
    assert.deepEqual(Object.fromEntries(read), expected);
  });
}

for (const [name, head] of Object.entries(REFUSED_RESPONSES)) {
  Deno.test(`no response: ${name}`, () => {
    for (const method of ["GET", "HEAD"]) {
      assert.throws(() => understand(method, head), ProtocolError);
    }
  });
}
