import assert from "node:assert/strict";
import * as c from "../udp/libc.ts";
import { DescriptorSet } from "./descriptor_set.ts";

Deno.test({
  name: "what a thread has left open is closed once, and nothing else is",
  ignore: !c.isLibcKnown,
  fn() {
    using library = disposable(c.openLibc());
    const libc = library.value.symbols;
    const memory = DescriptorSet.memory();
    const watched = new DescriptorSet(memory).watch(libc);
    const open = () => watched.socket(c.AF_INET, c.SOCK_STREAM | c.SOCK_CLOEXEC, 0);
    const [closed, left] = [open(), open()];
    assert.equal(watched.close(closed), 0);
    const foreign = libc.socket(c.AF_INET, c.SOCK_STREAM | c.SOCK_CLOEXEC, 0);
    assert.equal(foreign, closed, "the number is another one's now");
    const ofAnother = new DescriptorSet(memory);
    ofAnother.shutDown(libc);
    assert.equal(ofAnother.closeAll(libc), 1);
    assert.equal(libc.close(left), -1, "it is closed");
    assert.equal(watched.close(left), -1, "and not again by its thread");
    assert.equal(libc.close(foreign), 0, "nobody has touched this one");
    assert.equal(ofAnother.closeAll(libc), 0);
  },
});

function disposable(value: c.LibcLibrary) {
  return { value, [Symbol.dispose]: () => value.close() };
}
