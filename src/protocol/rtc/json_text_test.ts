import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import { parseJsonObject, replaceMember } from "./json_text.ts";

Deno.test("a member is replaced and nothing else is touched", () => {
  const cases: [text: string, replaced: string][] = [
    ['{"sdp":"old"}', '{"sdp":"a\\r\\n\\"b"}'],
    [
      ' { "code" : 0, "sdp" :\t"o\\"ld", "id": 12345678901234567890.10e5 }\n',
      ' { "code" : 0, "sdp" :\t"a\\r\\n\\"b", "id": 12345678901234567890.10e5 }\n',
    ],
    ['{"s\\u0064p":"old"}', '{"s\\u0064p":"a\\r\\n\\"b"}'],
    ['{"a":{"sdp":"x"},"b":["sdp",{"sdp":"y"}]}', '{"a":{"sdp":"x"},"b":["sdp",{"sdp":"y"}]}'],
    ['{"x":"sdp","sdp":"1","sdp":"2"}', '{"x":"sdp","sdp":"a\\r\\n\\"b","sdp":"a\\r\\n\\"b"}'],
    ['{"sdp":{"sdp":"x"},"sdpx":"y"}', '{"sdp":{"sdp":"x"},"sdpx":"y"}'],
    ['{"sdp":null,"z":"sdp"}', '{"sdp":null,"z":"sdp"}'],
    ["{}", "{}"],
  ];
  for (const [text, replaced] of cases) {
    assert.equal(replaceMember(text, "sdp", 'a\r\n"b'), replaced);
    assert.deepEqual(
      Object.keys(parseJsonObject(replaced)),
      Object.keys(parseJsonObject(text)),
    );
  }
});

Deno.test("anything but an object is refused", () => {
  for (const text of ["", "null", "[]", '"x"', "1", "{", "{}{}", "<html>", "\ufeff{}"]) {
    assert.throws(() => parseJsonObject(text), ProtocolError, text);
  }
});
