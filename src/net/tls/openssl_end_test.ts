import assert from "node:assert/strict";
import { PROJECT_FOLDER } from "../../../tests/support/project.ts";

Deno.test({
  name: "a process that ends together with threads that have used OpenSSL ends well",
  ignore: Deno.build.os !== "linux",
  timeout: 60_000,
  async fn() {
    const program = `${PROJECT_FOLDER}/tests/support/ending_threads.ts`;
    const args = ["run", "--quiet", "--no-check", "--allow-ffi", "--allow-read", program];
    // Without precautions one of ten runs crashes.
    for (let run = 0; run < 30; run++) {
      const command = new Deno.Command(Deno.execPath(), { args, cwd: PROJECT_FOLDER });
      const { code, signal, stderr } = await command.output();
      assert.deepEqual([code, signal], [0, null], new TextDecoder().decode(stderr));
    }
  },
});
