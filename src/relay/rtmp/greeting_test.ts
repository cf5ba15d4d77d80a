import assert from "node:assert/strict";
import { HANDSHAKE_ANSWER, HANDSHAKE_GREETING } from "../../protocol/rtmp/handshake.ts";
import { CLIENT_GREETING, isMarked, markGreeting, ORIGIN_GREETING } from "./greeting.ts";

Deno.test("what clients are greeted with is known as a proxy's, and nothing else is", () => {
  assert.ok(isMarked(CLIENT_GREETING));
  const answer = new Uint8Array(HANDSHAKE_ANSWER);
  answer.set(CLIENT_GREETING);
  assert.ok(isMarked(answer));
  assert.ok(!isMarked(ORIGIN_GREETING), "an origin that repeats what it was sent is no proxy");
  assert.ok(!isMarked(new Uint8Array(HANDSHAKE_GREETING)));
  const other = crypto.getRandomValues(new Uint8Array(HANDSHAKE_GREETING));
  assert.ok(!isMarked(other));
  assert.ok(isMarked(markGreeting(other)));
});
