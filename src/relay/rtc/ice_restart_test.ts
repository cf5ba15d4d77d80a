// PATCH: trickled candidates and ICE restarts, RFC 9725 section 4.3.

import assert from "node:assert/strict";
import { CHROMIUM_OFFER, SRS_ANSWER } from "../../../tests/support/cases/rtc_sdp_cases.ts";
import { type Answer, HttpOrigin, says } from "../../../tests/support/http_origin.ts";
import { SignalingWorld } from "../../../tests/support/signaling_world.ts";

const FRAGMENT_TYPE = "application/trickle-ice-sdpfrag";
const USER = "yrg28861:iBXi";

function fragment(ufrag: string, ...rest: readonly string[]): string {
  const ice = ufrag === "" ? [] : [`a=ice-ufrag:${ufrag}`, `a=ice-pwd:${ufrag.repeat(6)}`];
  return [...ice, "m=audio 9 RTP/AVP 0", "a=mid:0", ...rest, ""].join("\r\n");
}

const ACCEPTS = says(
  "201 Created",
  SRS_ANSWER,
  "Content-Type: application/sdp",
  `Location: /rtc/v1/whip/?session=${USER}`,
  'ETag: "e1"',
);

/** Runs `test` with a session at an origin that answers each PATCH with the next of these. */
async function withSession(
  patches: readonly Answer[],
  test: (session: {
    readonly world: SignalingWorld;
    readonly origin: HttpOrigin;
    patch(body: string, headers?: Record<string, string>): Promise<Response>;
    end(): Promise<Response>;
  }) => Promise<void>,
): Promise<void> {
  const left = [...patches];
  await using origin = new HttpOrigin(() => (exchange) => {
    const { method } = exchange.request;
    const answer = method === "POST"
      ? ACCEPTS
      : method === "PATCH"
      ? left.shift()!
      : says("200 OK");
    return answer(exchange);
  });
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [origin.httpPort]);
  const accepted = await fetch(world.url("/rtc/v1/whip/?app=live&stream=show"), {
    method: "POST",
    body: CHROMIUM_OFFER,
  });
  await accepted.body?.cancel();
  const url = world.url(accepted.headers.get("location")!);
  const patch = (body: string, headers: Record<string, string> = {}) => {
    return fetch(url, {
      ...{ method: "PATCH", body },
      headers: { "content-type": FRAGMENT_TYPE, "if-match": '"e1"', ...headers },
    });
  };
  await test({ world, origin, patch, end: () => fetch(url, { method: "DELETE" }) });
}

async function textOf(response: Response): Promise<[number, string]> {
  return [response.status, await response.text()];
}

Deno.test("trickled candidates reach the origin unchanged", async () => {
  await withSession([says("204 No Content", "", 'ETag: "e1"')], async ({ origin, patch }) => {
    const body = fragment("iBXi", "a=candidate:1 1 udp 9 192.0.2.1 5000 typ host");
    const response = await patch(body);
    assert.deepEqual(await textOf(response), [204, ""]);
    assert.equal(response.headers.get("etag"), '"e1"');
    const seen = origin.requests.at(-1)!;
    assert.equal(seen.start, `PATCH /rtc/v1/whip/?session=${USER} HTTP/1.1`);
    assert.equal(seen.body, body);
    assert.equal(origin.field("if-match"), '"e1"');
    assert.equal(origin.field("content-type"), FRAGMENT_TYPE);
  });
});

Deno.test("a restarted session is known by its new user name, and ended by its old URL", async () => {
  const candidate = "a=candidate:1 1 udp 2130706431 10.0.0.5 8000 typ host";
  const restarts = ["abcd", "efgh"].map((ufrag) =>
    says("200 OK", fragment(ufrag, candidate), `Content-Type: ${FRAGMENT_TYPE}`, 'ETag: "e2"')
  );
  await withSession(restarts, async ({ world, patch, end }) => {
    const response = await patch(fragment("ijkl"), { "if-match": "*" });
    assert.equal(response.headers.get("etag"), '"e2"');
    assert.deepEqual(await textOf(response), [
      200,
      fragment("abcd", candidate.replace("8000", "18000")),
    ]);
    const [first, second] = world.media.opened;
    assert.deepEqual(second, { ...first!, user: "abcd:ijkl", password: "abcd".repeat(6) });
    assert.ok(await world.record("abcd:ijkl"));
    assert.equal(world.media.ended.length, 0, "the client switches over when it is ready");
    await (await patch(fragment("mnop"), { "if-match": "*" })).body?.cancel();
    assert.equal(world.media.opened.at(-1)!.user, "efgh:mnop");
    assert.equal((await textOf(await end()))[0], 200);
    assert.deepEqual(world.media.ended.map(([user]) => user), [USER, "efgh:mnop"]);
    assert.equal(await world.record("efgh:mnop"), undefined);
  });
});

Deno.test("an answer that restarts nothing opens nothing", async () => {
  const patches = [
    says("200 OK", fragment(""), `Content-Type: ${FRAGMENT_TYPE}`),
    says("200 OK", "fine", "Content-Type: text/plain"),
    says("412 Precondition Failed"),
    says("405 Method Not Allowed", "", "Allow: DELETE"),
  ];
  await withSession(patches, async ({ world, patch }) => {
    assert.deepEqual(await textOf(await patch(fragment("ijkl"))), [200, fragment("")]);
    assert.deepEqual(await textOf(await patch(fragment("ijkl"))), [200, "fine"]);
    assert.equal((await textOf(await patch(fragment("ijkl"))))[0], 412);
    const refused = await patch(fragment("ijkl"));
    assert.equal(refused.headers.get("allow"), "DELETE");
    await refused.body?.cancel();
    assert.equal(world.media.opened.length, 1);
  });
});

Deno.test("a bad fragment is blamed on its sender, client or origin", async () => {
  const patches = [says("200 OK", "<html>", `Content-Type: ${FRAGMENT_TYPE}`)];
  await withSession(patches, async ({ world, origin, patch }) => {
    const wrong = await patch("a=mid:0", { "content-type": "application/sdp" });
    assert.equal(wrong.headers.get("accept-patch"), FRAGMENT_TYPE);
    assert.equal((await textOf(wrong))[0], 415);
    assert.equal((await textOf(await patch("<html>")))[0], 400);
    assert.equal((await textOf(await patch("a=x\r\n".repeat(5000))))[0], 413);
    assert.equal(origin.requests.length, 1);
    assert.equal((await textOf(await patch(fragment("ijkl"))))[0], 502);
    assert.equal(world.media.opened.length, 1);
  });
});
