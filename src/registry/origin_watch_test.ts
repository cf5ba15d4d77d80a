import assert from "node:assert/strict";
import { configureLog } from "../core/log.ts";
import type { Origin } from "../core/origin.ts";
import { OriginWatch } from "./origin_watch.ts";

function origin(generation: string): Origin {
  const at = (port: number) => [{ host: "10.0.0.1", port }];
  const endpoints = { rtmp: at(1935), http: [], api: at(1985), srt: [], rtc: at(8000) };
  return { id: "vid-1", generation, deviceId: "hall 3", ip: "10.0.0.1", endpoints };
}

Deno.test("an origin that joins, restarts or expires is logged with its name and addresses", async () => {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line.replace(/^\S+ /, "").trimEnd());
  await using _log = await configureLog({ level: "info", format: "text", write });
  const ended: string[] = [];
  const watch = new OriginWatch({
    onRestart: (id) => ended.push(id),
    onExpiry: ({ id }) => ended.push(id),
  });
  watch.seen(origin("1"));
  watch.update([{ origin: origin("1") }]);
  watch.seen(origin("2"));
  watch.update([]);
  const fields =
    'origin=vid-1 device_id="hall 3" ip=10.0.0.1 rtmp=10.0.0.1:1935 api=10.0.0.1:1985 rtc=10.0.0.1:8000';
  assert.deepEqual(
    lines,
    [
      `INFO registry: Origin registered ${fields}`,
      `INFO registry: Origin restarted ${fields}`,
      "WARNING registry: Origin expired origin=vid-1",
    ],
  );
  assert.deepEqual(ended, ["vid-1", "vid-1"]);
});
