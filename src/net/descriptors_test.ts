import assert from "node:assert/strict";
import { Descriptors } from "./descriptors.ts";

Deno.test({
  name: "every descriptor that is opened is counted, and no longer when it is closed",
  ignore: Deno.build.os !== "linux",
  fn() {
    using descriptors = Descriptors.open()!;
    const before = descriptors.count()!;
    assert.ok(before >= 3);
    const files = Array.from({ length: 50 }, () => Deno.openSync(import.meta.filename!));
    assert.equal(descriptors.count(), before + 50);
    for (const file of files) file.close();
    assert.equal(descriptors.count(), before);
    assert.ok(descriptors.limit! > before);
  },
});
