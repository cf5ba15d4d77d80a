import assert from "node:assert/strict";
import { systemClock } from "../core/clock.ts";
import { ProxyError } from "../core/errors.ts";
import { isClosedError, isOutOfResources } from "./close_errors.ts";
import { dial } from "./dial.ts";

function codeIs(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ProxyError && error.code === code;
}

Deno.test("a refused connection is the origin's fault", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await assert.rejects(
    dial(systemClock, { host: "127.0.0.1", port }, 1_000),
    codeIs("origin_unreachable"),
  );
});

Deno.test("a client that has left is waited for by nobody", async () => {
  const address = { host: "127.0.0.1", port: 9 };
  await assert.rejects(
    dial(systemClock, address, 1_000, AbortSignal.abort()),
    codeIs("client_gone"),
  );
});

Deno.test("what a lack of descriptors looks like is told from what an origin does", () => {
  const noDescriptor = Object.assign(new Error("Too many open files"), { code: "EMFILE" });
  const served = new Error("Too many open files (os error 24)");
  for (const error of [noDescriptor, served]) {
    assert.equal(isOutOfResources(error), true);
    assert.equal(isClosedError(error), false);
  }
  for (
    const error of [new Deno.errors.ConnectionReset("x"), new Deno.errors.ConnectionRefused("x")]
  ) {
    assert.equal(isOutOfResources(error), false);
    assert.equal(isClosedError(error), true);
  }
});
