import assert from "node:assert/strict";
import { Descriptors } from "./descriptors.ts";

Deno.test({
  name: "every descriptor that is opened is counted, and no longer when it is closed",
  ignore: Deno.build.os !== "linux",
  fn() {
    using descriptors = Descriptors.open()!;
    const before = descriptors.count()!;
    assert.ok(before >= 3);
    // Other threads of the test runner open and close some at the same time.
    const near = (count: number) => Math.abs(descriptors.count()! - count) < 50;
    const files = Array.from({ length: 300 }, () => Deno.openSync(import.meta.filename!));
    assert.ok(near(before + 300));
    for (const file of files) file.close();
    assert.ok(near(before));
    assert.ok(descriptors.limit! > before);
  },
});
