import assert from "node:assert/strict";
import { MAX_DIALS } from "../../core/try_origins.ts";
import { MOST_DIALS } from "./origin_files.ts";
import { HttpRelayWorld } from "../../../tests/support/http_relay_world.ts";
import { freePort } from "../../../tests/support/ports.ts";

const UNREACHABLE = 'srs_proxy_origin_dials_total{protocol="http",result="origin_unreachable"}';

Deno.test("one request for a file among dead origins costs a bounded number of dials", async () => {
  await using world = await HttpRelayWorld.open({ looksForFiles: () => true });
  const ports = new Array<number>(16).fill(freePort());
  for (let index = 0; index < 30; index++) await world.addOrigin(`o${index}`, ports);
  assert.equal((await world.ask("/live/film.mp4")).status, 404);
  const dials = await world.metric(UNREACHABLE);
  assert.ok(dials <= MOST_DIALS && dials > MOST_DIALS - ports.length, `${dials} dials`);
  const origins = await world.registry.origins();
  const setAside = origins.filter(({ setAsideFor }) => setAsideFor.http !== undefined);
  assert.ok(
    setAside.length <= dials / ports.length,
    "no origin is set aside after only some of its addresses were dialled",
  );
  assert.equal((await world.ask("/live/show.flv")).status, 502);
  assert.ok(await world.metric(UNREACHABLE) - dials <= MOST_DIALS + MAX_DIALS);
  assert.deepEqual(world.errors, []);
});

for (const target of ["/live/show.flv", "/live/show.m3u8"]) {
  Deno.test(`one request for ${target} among dead origins costs a handful of dials`, async () => {
    await using world = await HttpRelayWorld.open();
    const ports = new Array<number>(16).fill(freePort());
    for (let index = 0; index < 10; index++) await world.addOrigin(`o${index}`, ports);
    assert.equal((await world.ask(target)).status, 502);
    const dials = await world.metric(UNREACHABLE);
    assert.ok(dials > 1 && dials <= MAX_DIALS, `${dials} dials`);
    assert.deepEqual(world.errors, []);
  });
}
