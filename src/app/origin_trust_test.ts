import assert from "node:assert/strict";
import { Authority } from "../../tests/support/certificates.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { until } from "../../tests/support/wait.ts";
import { PrometheusMetrics } from "../api/metrics.ts";
import { OriginTrust } from "./origin_trust.ts";

Deno.test("a file of authorities is watched: a new one is taken over, an unreadable one is not", async () => {
  await using authority = await Authority.open();
  await using next = await Authority.open();
  const [first, second] = await Promise.all(
    [authority, next].map(({ file }) => Deno.readTextFile(file)),
  );
  const file = authority.folder.file("origins.pem");
  await Deno.writeTextFile(file, first!);
  const [clock, metrics] = [new VirtualClock(), new PrometheusMetrics()];
  const told: (string | undefined)[] = [];
  const onReplaced = (authorities: string | undefined) => void told.push(authorities);
  using trust = await OriginTrust.open(file, { clock, metrics, onReplaced });
  await Deno.writeTextFile(file, "nonsense");
  await clock.pass(10_000);
  await until("it be counted", async () => {
    const { text } = await metrics.expose();
    return text.includes("srs_proxy_tls_reload_failures_total 1\n");
  });
  assert.deepEqual([told, trust.authorities], [[], first]);
  await Deno.writeTextFile(file, second!);
  await clock.pass(10_000);
  await until("the new one", () => told.length > 0);
  assert.deepEqual([told, trust.authorities], [[second], second]);
});
