import assert from "node:assert/strict";
import { bearerToken, holdsToken } from "./token.ts";

Deno.test("only the token itself is accepted", () => {
  assert.equal(holdsToken("secret", ["secret"]), true);
  for (const wrong of ["", "Secret", "secre", "secret ", "secrets", undefined]) {
    assert.equal(holdsToken("secret", [wrong]), false);
  }
  assert.equal(holdsToken("secret", []), false);
});

Deno.test("the token may be presented in any of several places", () => {
  assert.equal(holdsToken("secret", [undefined, "wrong", "secret"]), true);
  assert.equal(holdsToken("secret", ["secret", "wrong", undefined]), true);
});

Deno.test("a token may contain any characters", () => {
  assert.equal(holdsToken("päß/=+ 密", ["päß/=+ 密"]), true);
});

Deno.test("a bearer header is parsed as clients write it", () => {
  assert.equal(bearerToken("Bearer abc=="), "abc==");
  assert.equal(bearerToken("bearer  abc "), "abc");
  assert.equal(bearerToken("Bearer two words"), "two words");
  for (
    const other of [undefined, "", "Basic abc", "Bearer", "Bearer ", "Bearerabc"]
  ) {
    assert.equal(bearerToken(other), undefined);
  }
});
