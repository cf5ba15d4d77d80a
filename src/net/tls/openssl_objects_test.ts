import assert from "node:assert/strict";
import { isLibcKnown } from "../udp/libc.ts";
import { openLibrary, type OpenSsl } from "./openssl.ts";
import { OpenSslObjects } from "./openssl_objects.ts";

/** Calls that record what was freed, in place of the library's own. */
function noting(ssl: OpenSsl, freed: Deno.PointerValue[]): OpenSsl {
  const note = (free: (one: Deno.PointerValue) => void) => (one: Deno.PointerValue) => {
    freed.push(one);
    free(one);
  };
  return { ...ssl, SSL_free: note(ssl.SSL_free), SSL_CTX_free: note(ssl.SSL_CTX_free) };
}

Deno.test({
  name:
    "the OpenSSL objects that a thread has left are freed once, step by step, and nothing else is",
  ignore: !isLibcKnown,
  fn() {
    const library = openLibrary();
    const { symbols } = library;
    const memory = OpenSslObjects.memory();
    const watched = new OpenSslObjects(memory).watch(symbols);
    const context = watched.SSL_CTX_new(symbols.TLS_server_method());
    const sessions = Array.from({ length: 6 }, () => watched.SSL_new(context));
    for (const session of sessions.splice(2, 2)) watched.SSL_free(session);
    sessions.push(watched.SSL_new(context));
    const freed: Deno.PointerValue[] = [];
    const ofAnother = new OpenSslObjects(memory);
    assert.equal(ofAnother.isEmpty, false);
    const pieces = [...ofAnother.freeAll(noting(symbols, freed), 2)];
    assert.equal(pieces.length, 3);
    const addresses = (all: readonly Deno.PointerValue[]) =>
      all.map((one) => Deno.UnsafePointer.value(one)).toSorted();
    assert.deepEqual(addresses(freed), addresses([context, ...sessions]));
    assert.equal(ofAnother.isEmpty, true);
    assert.deepEqual([...ofAnother.freeAll(symbols, 2)], []);
    library.close();
  },
});

Deno.test({
  name: "a thread that frees everything itself leaves nothing, however many there were",
  ignore: !isLibcKnown,
  fn() {
    const memory = OpenSslObjects.memory();
    const library = openLibrary(new OpenSslObjects(memory));
    const { symbols } = library;
    const context = symbols.SSL_CTX_new(symbols.TLS_client_method());
    for (let round = 0; round < 3; round++) {
      const sessions = Array.from({ length: 100 }, () => symbols.SSL_new(context));
      for (const session of sessions) symbols.SSL_free(session);
    }
    symbols.SSL_CTX_free(context);
    assert.equal(new OpenSslObjects(memory).isEmpty, true);
    library.close();
  },
});
