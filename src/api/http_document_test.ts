// The HTTP API's answers, including signalling, match its document, and everything in the document is tried.

import assert from "node:assert/strict";
import { ApiDesk, AWAY, HERE, HTTP_DOCUMENT } from "../../tests/support/api_desk.ts";
import { ANSWERS, CHROMIUM_OFFER, SRS_ANSWER } from "../../tests/support/cases/rtc_sdp_cases.ts";
import type { OperationName } from "../../tests/support/documented_api.ts";
import {
  type Answer,
  HttpOrigin,
  says,
  silence,
  verbatim,
} from "../../tests/support/http_origin.ts";
import { RecordedSrs, recordingOf } from "../../tests/support/recorded_srs.ts";
import { SignalingWorld, type SignalingWorldOptions } from "../../tests/support/signaling_world.ts";
import { ABOUT, managementWith } from "../../tests/support/system_desk.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { until } from "../../tests/support/wait.ts";
import type { Address } from "../core/address.ts";
import { systemClock } from "../core/clock.ts";
import type { SignalingDependencies } from "../relay/rtc/dependencies.ts";
import { HopMark } from "../core/hop_mark.ts";
import { ProxyError } from "../core/errors.ts";
import { httpDocument } from "./http_document.ts";
import { OriginAnswers } from "./origin_answers.ts";

const [CLIENT, STREAM, VHOST] = ["clients", "streams", "vhosts"].map((name) => {
  return JSON.parse(recordingOf("one")[`/api/v1/${name}`]!)[name][0].id as string;
});
const CLIENT_PATH = `/api/v1/clients/${CLIENT}`;
const BARE = ["/rtc/v1/whip/", "/rtc/v1/whip-play/", "/rtc/v1/whep/"];
const IN_JSON = ["/rtc/v1/publish/", "/rtc/v1/play/"];
/** Names used by SRS and others, or that might be. */
const NAMES = ["whip", "whip-play", "whep", "publish", "play", "nack", "republish", "any"];
const SDP_TYPE = { "content-type": "application/sdp" };
const FRAGMENT_TYPE = { "content-type": "application/trickle-ice-sdpfrag" };
const TEXT_TYPE = { "content-type": "text/plain" };
const CHANGE = { headers: FRAGMENT_TYPE, body: "a=end-of-candidates\r\n" };
const USER = "yrg28861:iBXi";

/** Who asks, and whose answers are checked against the document. */
interface Asking {
  readonly desk: ApiDesk;
  readonly peer?: Address;
}

async function see({ desk, peer = HERE }: Asking, path: string, init: RequestInit = {}) {
  const response = await desk.fetch(path, init, peer);
  return await HTTP_DOCUMENT.read({ method: init.method ?? "GET", url: path }, response);
}

async function expect(asking: Asking, status: number, path: string, init: RequestInit = {}) {
  const seen = await see(asking, path, init);
  assert.equal(seen.status, status, `${init.method ?? "GET"} ${path} ${seen.text}`);
  return seen;
}

Deno.test("the HTTP API has exactly the routes in its document", async () => {
  await using world = await SignalingWorld.open();
  using desk = new ApiDesk([], {
    passes: () => true,
    signal: (request, peer) => world.signal(request, peer),
  });
  const signalling = NAMES.map((name) => ({ path: `/rtc/v1/${name}/` }));
  await HTTP_DOCUMENT.requireRoutes([...desk.routes, ...signalling], async (method, path) => {
    // The address of a session says whose it is.
    const isOfSession = BARE.includes(path) && ["PATCH", "DELETE"].includes(method);
    return await desk.fetch(isOfSession ? `${path}?spbsid=x` : path, { method });
  });
});

Deno.test("the HTTP API's answers match its document", async () => {
  await askWhatIsThere();
  await askWrongly();
  await askFrozenOrigin();
  await askWithoutLeave();
  await askWithoutRegistry();
  await signalWell();
  await signalWrongly();
  await signalForBadOrigins();
  assert.deepEqual(HTTP_DOCUMENT.unseen, []);
});

function requestFor({ path }: OperationName): string {
  const id = path.includes("clients") ? CLIENT : path.includes("streams") ? STREAM : VHOST;
  return path.replace("{id}", id!).replace("{server}", "one").replace("{path}", "api/v1/versions");
}

async function askWhatIsThere(): Promise<void> {
  await using one = new RecordedSrs("one", "one");
  await using two = new RecordedSrs("two", "two");
  await using frozen = new RecordedSrs("frozen", "two");
  frozen.isDown = true;
  using desk = new ApiDesk([one, two, frozen], { passes: () => true });
  const { body } = await desk.ask("/api/v1/openapi.json");
  assert.deepEqual(body, JSON.parse(JSON.stringify(httpDocument(ABOUT.version))));
  for (const operation of HTTP_DOCUMENT.operations) {
    if (operation.path.startsWith("/rtc/")) continue;
    await expect({ desk }, 200, requestFor(operation), { method: operation.method });
  }
  await expect({ desk, peer: AWAY }, 200, "/api/v1/versions");
  await expect({ desk }, 200, "/api/v1/raw?rpc=raw");
  for (const name of ["clients", "streams", "vhosts"]) {
    await expect({ desk }, 200, `/api/v1/${name}/none`);
    await expect({ desk }, 200, `/api/v1/${name}/none?origin=two`);
  }
  await expect({ desk }, 200, "/api/v1/clients/none", { method: "DELETE" });
}

async function askWrongly(): Promise<void> {
  await using one = new RecordedSrs("one", "one");
  await using same = new RecordedSrs("same", "one");
  using desk = new ApiDesk([one, same], { passes: () => true });
  for (const name of ["clients", "streams"]) {
    await expect({ desk }, 400, `/api/v1/${name}?start=100000`);
  }
  for (const { method, path, statuses } of HTTP_DOCUMENT.operations) {
    if (!statuses.includes(409) || path.startsWith("/rtc/")) continue;
    await expect({ desk }, 409, requestFor({ path } as OperationName), { method });
  }
  const answers = { [`DELETE ${CLIENT_PATH}`]: "<html>" };
  await using senseless = new RecordedSrs("one", "one", { answers });
  await using gone = new RecordedSrs("gone", "one");
  const { status } = gone;
  await gone[Symbol.asyncDispose]();
  using other = new ApiDesk([senseless, { status }], { passes: () => true });
  await expect({ desk: other }, 502, CLIENT_PATH, { method: "DELETE" });
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
    await expect({ desk }, 404, "/api/v1/origins/none/proxy/any", { method });
    await expect({ desk: other }, 502, "/api/v1/origins/gone/proxy/any", { method });
    if (method === "GET") continue;
    const body = "x".repeat(70_000);
    await expect({ desk }, 413, "/api/v1/origins/one/proxy/any", { method, body });
  }
}

async function askFrozenOrigin(): Promise<void> {
  const clock = new VirtualClock();
  await using srs = new HttpOrigin(() => (exchange) => {
    if (exchange.request.start !== `GET ${CLIENT_PATH} HTTP/1.1`) return silence(exchange);
    return says("200 OK", '{"code":0,"client":{}}')(exchange);
  });
  await using sample = new RecordedSrs("one", "one");
  const { origin } = sample.status;
  const api = [{ host: "127.0.0.1", port: srs.httpPort }];
  const status = {
    ...sample.status,
    origin: { ...origin, endpoints: { ...origin.endpoints, api } },
  };
  using desk = new ApiDesk([{ status }], { clock, passes: () => true });
  const path = "/api/v1/origins/one/proxy/any";
  const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
  for (const [url, method] of [[CLIENT_PATH, "DELETE"], ...methods.map((each) => [path, each])]) {
    const { length } = srs.requests;
    const answer = see({ desk }, url!, { method: method! });
    await until("the origin be asked", () => {
      return srs.requests.slice(length).some(({ method: asked }) => asked === method);
    });
    await clock.pass(10_000);
    assert.equal((await answer).status, 504, `${method} ${url}`);
    if (method === "GET" || url === CLIENT_PATH) continue;
    const late = see({ desk }, path, { method: method!, body: new ReadableStream() });
    await clock.pass(10_000);
    assert.equal((await late).status, 408, method);
  }
}

async function askWithoutLeave(): Promise<void> {
  const access = () => ({ token: "right" });
  using free = new ApiDesk([], { corsOrigins: () => ["https://tv.example"] });
  using closed = new ApiDesk([], {
    access,
    management: managementWith({ clock: systemClock, access: () => ({ token: "admin" }) }),
  });
  const elsewhere = { headers: { origin: "https://evil.example" } };
  for (const { method, path, isGuarded } of HTTP_DOCUMENT.operations) {
    const url = requestFor({ path } as OperationName);
    await expect({ desk: closed }, 401, url, { method });
    if (isGuarded) await expect({ desk: free, peer: AWAY }, 403, url, { method });
    else if (method !== "GET") await expect({ desk: free }, 403, url, { method, ...elsewhere });
  }
  const headers = { authorization: "Bearer wrong" };
  for (let guess = 0; guess < 10; guess++) await see({ desk: closed }, CLIENT_PATH, { headers });
  for (const { method, path, isGuarded } of HTTP_DOCUMENT.operations) {
    const url = requestFor({ path } as OperationName);
    if (isGuarded) await expect({ desk: closed }, 429, url, { method, headers });
  }
}

function outOfReach(): Promise<never> {
  return Promise.reject(new ProxyError("registry_unavailable", "Cannot reach Redis"));
}

async function askWithoutRegistry(): Promise<void> {
  const registrar = { origins: outOfReach };
  const questions = { ask: outOfReach };
  using answers = new OriginAnswers({ clock: systemClock, registrar, questions });
  using desk = new ApiDesk([], { answers, passes: () => true });
  for (const { method, path, statuses } of HTTP_DOCUMENT.operations) {
    if (!statuses.includes(503) || path.startsWith("/rtc/")) continue;
    await expect({ desk }, 503, requestFor({ path } as OperationName), { method });
  }
}

/** A signalling world behind the API. */
async function openSignalling(answer?: Answer, options: SignalingWorldOptions = {}) {
  const hopMark = new HopMark();
  const stack = new AsyncDisposableStack();
  const world = stack.use(await SignalingWorld.open({ hopMark, ...options }));
  const desk = stack.use(
    new ApiDesk([], { signal: (request, peer) => world.signal(request, peer) }),
  );
  const origin = answer && stack.use(new HttpOrigin(() => answer));
  if (origin !== undefined) await world.addOrigin("one", [origin.httpPort], [8000]);
  return { world, desk, hopMark, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** A request that starts a session there. */
function offerAt(path: string, stream = "show", headers: Record<string, string> = {}) {
  const isBare = BARE.includes(path);
  const streamurl = `webrtc://tv.example/live/${stream}`;
  const body = isBare ? CHROMIUM_OFFER : JSON.stringify({ streamurl, sdp: CHROMIUM_OFFER });
  const init = { method: "POST", headers: { ...(isBare ? SDP_TYPE : {}), ...headers }, body };
  const query = `?app=live&stream=${stream}&vhost=tv.example`;
  return { url: isBare ? `${path}${query}` : path, init };
}

const WELL: Answer = (exchange) => {
  const { method, target } = exchange.request;
  if (method === "DELETE") return says("200 OK")(exchange);
  if (method === "PATCH") {
    const type = "Content-Type: application/trickle-ice-sdpfrag";
    return says("200 OK", "a=ice-lite\r\n", type)(exchange);
  }
  if (IN_JSON.includes(target)) {
    const body = JSON.stringify({ code: 0, server: "s", sdp: SRS_ANSWER, sessionid: USER });
    return says("200 OK", body, "Content-Type: application/json")(exchange);
  }
  const location = `Location: ${target.split("?")[0]}?token=x&session=${USER}`;
  return says("201 Created", SRS_ANSWER, "Content-Type: application/sdp", location)(exchange);
};

async function signalWell(): Promise<void> {
  await Promise.all([...BARE, ...IN_JSON].map(async (path) => {
    await using signalling = await openSignalling(WELL);
    const { url, init } = offerAt(path);
    const isBare = BARE.includes(path);
    const { headers, text } = await expect(signalling, isBare ? 201 : 200, url, init);
    if (!isBare) return;
    assert.equal(text, ANSWERS["SRS with its own address"]!.rewritten);
    const session = headers.get("location")!;
    await expect(signalling, 200, session, { method: "PATCH", ...CHANGE });
    await expect(signalling, 200, session, { method: "DELETE" });
  }));
}

async function signalWrongly(): Promise<void> {
  await Promise.all([...BARE, ...IN_JSON].map(async (path) => {
    await using signalling = await openSignalling(WELL);
    const { url, init } = offerAt(path);
    await expect(signalling, 400, url, { ...init, body: "v=0 and nothing else" });
    await expect(signalling, 413, url, { ...init, body: `v=0${"x".repeat(70_000)}` });
    const looping = offerAt(path, "other", { via: signalling.hopMark.via("1.1") });
    await expect(signalling, 508, looping.url, looping.init);
    await expect(signalling, 408, url, { ...init, body: new ReadableStream() });
    if (!BARE.includes(path)) return;
    await expect(signalling, 415, url, { ...init, headers: TEXT_TYPE, body: "any" });
    const session = (await expect(signalling, 201, url, init)).headers.get("location")!;
    const change = { method: "PATCH", ...CHANGE };
    await expect(signalling, 415, session, { ...change, headers: TEXT_TYPE });
    await expect(signalling, 413, session, { ...change, body: "a".repeat(20_000) });
    await expect(signalling, 400, session, { ...change, body: "nonsense" });
    await expect(signalling, 408, session, { ...change, body: new ReadableStream() });
  }));
}

/** Signals with origins that are missing, answer nonsense, or are silent. */
async function signalForBadOrigins(): Promise<void> {
  const answers = [[503, undefined], [502, verbatim("nonsense\r\n\r\n")], [504, silence]] as const;
  await Promise.all(answers.map(async ([status, answer]) => {
    await using signalling = await openSignalling(answer);
    await Promise.all([...BARE, ...IN_JSON].map(async (path) => {
      const { url, init } = offerAt(path, `of-${status}`);
      await expect(signalling, status, url, init);
    }));
  }));
  await Promise.all(BARE.map(askAboutSession));
}

/** Sends requests about a session whose origin answers nonsense, is silent, and is no longer registered. */
async function askAboutSession(path: string): Promise<void> {
  let answer = WELL;
  await using signalling = await openSignalling((exchange) => answer(exchange));
  const resolver = new Proxy({} as SignalingDependencies["resolver"], { get: () => outOfReach });
  await using unsure = await openSignalling(undefined, { resolver });
  const { url, init } = offerAt(path);
  const session = (await expect(signalling, 201, url, init)).headers.get("location")!;
  const inVain = async (asking: Asking, status: number) => {
    for (const method of ["PATCH", "DELETE"]) {
      await expect(asking, status, session, { ...CHANGE, method });
    }
  };
  await inVain(unsure, 503);
  answer = verbatim("nonsense\r\n\r\n");
  await inVain(signalling, 502);
  answer = silence;
  await inVain(signalling, 504);
  await signalling.world.registry.operations.forgetOrigin("one");
  await inVain(signalling, 404);
}
