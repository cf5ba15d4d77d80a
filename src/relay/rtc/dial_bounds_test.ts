import assert from "node:assert/strict";
import { CHROMIUM_OFFER } from "../../../tests/support/cases/rtc_sdp_cases.ts";
import { MAX_DIALS } from "../../core/try_origins.ts";
import { freePort } from "../../../tests/support/ports.ts";
import { SignalingWorld } from "../../../tests/support/signaling_world.ts";

const UNREACHABLE = 'srs_proxy_origin_dials_total{protocol="api",result="origin_unreachable"}';

Deno.test("one offer among dead origins costs a handful of dials", async () => {
  await using world = await SignalingWorld.open();
  const ports = new Array<number>(16).fill(freePort());
  for (let index = 0; index < 10; index++) await world.addOrigin(`o${index}`, ports);
  const response = await fetch(world.url("/rtc/v1/whep/?app=live&stream=show"), {
    method: "POST",
    headers: { "content-type": "application/sdp" },
    body: CHROMIUM_OFFER,
  });
  await response.body?.cancel();
  assert.equal(response.status, 502);
  const dials = await world.metric(UNREACHABLE);
  assert.ok(dials > 1 && dials <= MAX_DIALS, `${dials} dials`);
  assert.deepEqual(world.errors, []);
});
