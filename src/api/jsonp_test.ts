import assert from "node:assert/strict";
import { ApiDesk, AWAY, HERE } from "../../tests/support/api_desk.ts";
import { RecordedSrs, recordingOf } from "../../tests/support/recorded_srs.ts";
import { managementWith } from "../../tests/support/system_desk.ts";
import { systemClock } from "../core/clock.ts";
import type { ManagementRefusal } from "./management.ts";

const OWN = "127.0.0.1:11985";
const BROWSER = { host: OWN, "accept-language": "en" };
const OWN_PAGE = { ...BROWSER, referer: `http://${OWN}/console/` };
const CONSOLE = "http://console.example:8080";

/** Answers with scripts, to the proxy's own pages and to those of that console. */
function openDesk(origins: readonly RecordedSrs[] = [], token?: string) {
  const refused: ManagementRefusal[] = [];
  const management = managementWith({
    clock: systemClock,
    access: () => ({ token }),
    sites: () => [CONSOLE],
    onRefused: (reason) => refused.push(reason),
  });
  return { desk: new ApiDesk(origins, { management }), refused };
}

Deno.test("a page of the proxy gets a script, as from SRS", async () => {
  const { desk } = openDesk();
  using _desk = desk;
  for (const path of ["/api/v1/versions", "/api/v1/streams/", "/api/v1/summaries"]) {
    const query = "?callback=angular.callbacks._0&_=1";
    const response = await desk.fetch(`${path}${query}`, { headers: OWN_PAGE });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/javascript");
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    const [, json = ""] = /^angular\.callbacks\._0\((.*)\)$/s.exec(await response.text()) ?? [];
    assert.equal(JSON.parse(json).code, 0);
  }
});

Deno.test("errors are scripts too, since the page would not see them otherwise", async () => {
  const { desk } = openDesk();
  using _desk = desk;
  const response = await desk.fetch("/api/v1/nothing?callback=f", { headers: OWN_PAGE });
  assert.equal(response.status, 200);
  assert.equal(await response.text(), 'f({"code":404,"data":"Not found"})');
});

Deno.test("a page of another site gets no script and ends nothing", async () => {
  await using origin = new RecordedSrs("a", "one");
  const { desk, refused } = openDesk([origin]);
  using _desk = desk;
  const foreign = [
    { ...BROWSER },
    { ...BROWSER, referer: "https://evil.example/page" },
    { ...BROWSER, referer: `http://127.0.0.1:8080/` },
    { ...BROWSER, referer: "nonsense" },
    { ...BROWSER, origin: "https://evil.example" },
    { host: OWN, "sec-fetch-site": "cross-site" },
    { host: OWN, "sec-fetch-site": "none" },
  ];
  const [client] = JSON.parse(recordingOf("one")["/api/v1/clients"]!).clients;
  for (const headers of foreign) {
    for (const path of ["/api/v1/streams?", `/api/v1/clients/${client.id}?method=DELETE&`]) {
      const response = await desk.fetch(`${path}callback=f`, { headers });
      assert.equal(response.status, 403, JSON.stringify(headers));
      assert.deepEqual(response.headers.get("content-type"), "application/json");
      await response.body?.cancel();
    }
  }
  assert.deepEqual(refused, Array(2 * foreign.length).fill("site"));
  assert.deepEqual(origin.asked, []);
});

Deno.test("a page of an allowed site ends a client, with the password that its browser has", async () => {
  await using origin = new RecordedSrs("a", "one");
  const { desk } = openDesk([origin], "s3cret");
  using _desk = desk;
  const [client] = JSON.parse(recordingOf("one")["/api/v1/clients"]!).clients;
  const path = `/api/v1/clients/${client.id}?callback=f&method=DELETE`;
  const page = { ...BROWSER, referer: `${CONSOLE}/`, "sec-fetch-site": "cross-site" };
  const without = await desk.fetch(
    path,
    { headers: { ...page, "sec-fetch-dest": "script" } },
    AWAY,
  );
  assert.equal(without.status, 401);
  assert.match(without.headers.get("www-authenticate") ?? "", /Basic realm/);
  await without.body?.cancel();
  const authorization = `Basic ${btoa("any:s3cret")}`;
  const response = await desk.fetch(path, { headers: { ...page, authorization } }, AWAY);
  assert.match(await response.text(), /^f\(\{"code":0,/);
  assert.ok(origin.asked.includes(`DELETE /api/v1/clients/${client.id}`));
});

Deno.test("without a callback nothing is a script, and invalid names are refused", async () => {
  const { desk } = openDesk();
  using _desk = desk;
  const plain = await desk.fetch("/api/v1/streams?callback=&method=DELETE");
  assert.equal(plain.headers.get("content-type"), "application/json");
  await plain.body?.cancel();
  for (const name of ["a(b", "a;b", "<b>", "x".repeat(65), "a b"]) {
    const path = `/api/v1/streams?callback=${encodeURIComponent(name)}`;
    const response = await desk.fetch(path, { headers: OWN_PAGE }, HERE);
    assert.equal(response.status, 400);
    assert.equal(response.headers.get("content-type"), "application/json");
    await response.body?.cancel();
  }
  const signalling = await desk.fetch("/rtc/v1/whep/?callback=f", { headers: OWN_PAGE });
  assert.equal(signalling.status, 501, "its query is the origin's");
});
