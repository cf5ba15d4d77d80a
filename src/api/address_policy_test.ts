import assert from "node:assert/strict";
import { parseCidr } from "../core/cidr.ts";
import { ProxyError } from "../core/errors.ts";
import { configureLog } from "../core/log.ts";
import type { BoundAddress, ProxyPlace } from "../core/fleet.ts";
import { AddressPolicy } from "./address_policy.ts";

function open(
  options: {
    allow?: string[];
    names?: string[];
    own?: BoundAddress[];
    others?: ProxyPlace[];
    local?: string[];
  } = {},
): AddressPolicy {
  const { allow = [], names = [], own = [], others = [], local = [] } = options;
  return new AddressPolicy({
    allow: () => allow.map(parseCidr),
    allowNames: () => names,
    ownAddresses: () => own,
    otherProxies: () => others,
    localIps: () => local,
  });
}

function isBadRequest(error: unknown): boolean {
  return error instanceof ProxyError && error.code === "bad_request";
}

function assertRefused(policy: AddressPolicy, ip: string): void {
  assert.throws(() => policy.acceptIp(ip, "ip"), isBadRequest, ip);
}

Deno.test("an address that a machine can have is accepted, in canonical form", () => {
  const policy = open();
  for (const ip of ["10.0.0.1", "192.168.1.2", "8.8.8.8", "127.0.0.1", "2001:db8::1", "fd00::1"]) {
    assert.equal(policy.acceptIp(ip, "ip"), ip);
  }
  assert.equal(policy.acceptIp("::ffff:10.0.0.1", "ip"), "10.0.0.1");
  assert.equal(policy.acceptIp("2001:DB8:0:0::1", "ip"), "2001:db8::1");
});

Deno.test("an address that leads nowhere, everywhere or to the cloud's metadata is refused", () => {
  const policy = open();
  const refused = ["0.0.0.0", "::", "169.254.169.254", "fe80::1", "224.0.0.1", "ff02::1"];
  for (const ip of [...refused, "255.255.255.255", "240.0.0.1", "0.1.2.3"]) {
    assertRefused(policy, ip);
  }
  for (const ip of ["100.100.100.200", "168.63.129.16", "fd00:ec2::254"]) {
    assertRefused(policy, ip);
    assert.equal(open({ allow: [ip] }).acceptIp(ip, "ip"), ip);
  }
});

Deno.test("no spelling hides a refused address", () => {
  const policy = open();
  const spellings = ["::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "0:0:0:0:0:ffff:0.0.0.0"];
  for (
    const ip of [...spellings, "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1", ...[
      "::ffff:100.100.100.200",
      "64:ff9b::100.100.100.200",
      "2002:a83f:8110::1",
    ]]
  ) {
    assertRefused(policy, ip);
  }
});

Deno.test("a host name is refused, whatever is allowed", () => {
  for (const policy of [open(), open({ allow: ["0.0.0.0/0", "::/0"] })]) {
    for (const name of ["localhost", "example.com", "", "1.2.3", "10.0.0.1:80", "0x7f.1"]) {
      assertRefused(policy, name);
      assert.throws(() => policy.acceptHost(name, "ip"), isBadRequest, name);
    }
  }
});

Deno.test("allowed names, and names below an allowed domain, are accepted unchanged", () => {
  const policy = open({ names: ["srs-1", "*.media.internal"] });
  assert.equal(policy.acceptHost("SRS-1.", "ip"), "srs-1");
  assert.equal(policy.acceptHost("a.b.media.internal", "ip"), "a.b.media.internal");
  for (const name of ["srs-2", "media.internal", "evilmedia.internal", "0x7f.1", "10.0.0.1"]) {
    assert.throws(() => policy.acceptHost(name, "ip"), isBadRequest, name);
  }
  assert.equal(policy.acceptBound("127.0.0.1", "srs-1"), undefined);
  policy.refuseOwn({ transport: "tcp", host: "srs-1", port: 1 });
  assert.equal(
    open({ names: ["srs-1"], allow: ["10.0.0.0/8"] }).acceptHost("10.0.0.1", "ip"),
    "10.0.0.1",
  );
});

Deno.test("a name that resolves to a special address is not used, and that is logged once", async () => {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  await using _log = await configureLog({ level: "info", format: "text", write });
  const policy = open({ names: ["srs-1"] });
  const answers = [
    "10.0.0.5",
    "169.254.169.254",
    "100.100.100.200",
    "64:ff9b::a83f:8110",
    "0.0.0.0",
  ];
  assert.deepEqual(policy.usable("srs-1", [...answers, "fd00::5"]), ["10.0.0.5", "fd00::5"]);
  assert.equal(lines.length, 4);
  assert.match(lines[0]!, /name=srs-1 address=169.254.169.254/);
  policy.usable("srs-1", answers);
  assert.equal(lines.length, 4);
  const listed = open({ names: ["srs-1"], allow: ["169.254.10.0/24"] });
  assert.deepEqual(listed.usable("srs-1", ["169.254.10.5", "169.254.11.5"]), ["169.254.10.5"]);
});

Deno.test("a list of ranges allows what it covers and nothing else", () => {
  const policy = open({ allow: ["10.0.0.0/8", "169.254.10.0/24"] });
  assert.equal(policy.acceptIp("10.9.9.9", "ip"), "10.9.9.9");
  assert.equal(policy.acceptIp("169.254.10.1", "ip"), "169.254.10.1");
  for (const ip of ["11.0.0.1", "127.0.0.1", "169.254.11.1", "2001:db8::1"]) {
    assertRefused(policy, ip);
  }
});

Deno.test("a wildcard that an endpoint is bound to is not dialled", () => {
  const policy = open();
  assert.equal(policy.acceptBound("0.0.0.0", "10.0.0.1"), undefined);
  assert.equal(policy.acceptBound("::", "10.0.0.1"), undefined);
});

Deno.test("a loopback address is dialled only for an origin on this machine", () => {
  const policy = open({ local: ["10.0.0.1"] });
  assert.equal(policy.acceptBound("127.0.0.1", "10.0.0.2"), undefined);
  assert.equal(policy.acceptBound("127.0.0.1", "10.0.0.1"), "127.0.0.1");
  assert.equal(policy.acceptBound("::1", "127.0.0.1"), "::1");
  const strict = open({ local: ["10.0.0.1"], allow: ["10.0.0.0/8"] });
  assert.equal(strict.acceptBound("127.0.0.1", "10.0.0.1"), undefined);
});

Deno.test("any other address that an endpoint is bound to must be acceptable itself", () => {
  const policy = open();
  assert.equal(policy.acceptBound("10.0.0.9", "10.0.0.1"), "10.0.0.9");
  assert.throws(() => policy.acceptBound("169.254.169.254", "10.0.0.1"), isBadRequest);
});

const tcp = (host: string, port: number): BoundAddress => ({ transport: "tcp", host, port });

Deno.test("the proxy's own listeners are refused, at whatever address they are reached", () => {
  const policy = open({
    own: [tcp("0.0.0.0", 1935), tcp("10.0.0.1", 8080), tcp("::", 1985)],
    local: ["10.0.0.1", "192.168.0.1", "fd00::1"],
  });
  const refused = [
    ...[tcp("10.0.0.1", 1935), tcp("192.168.0.1", 1935), tcp("127.0.0.1", 1935)],
    ...[tcp("127.1.2.3", 1935), tcp("10.0.0.1", 8080), tcp("fd00::1", 1985)],
    tcp("10.0.0.1", 1985),
  ];
  for (const address of refused) {
    assert.throws(() => policy.refuseOwn(address), isBadRequest, JSON.stringify(address));
  }
  policy.refuseOwn(tcp("10.0.0.1", 19350));
  policy.refuseOwn(tcp("10.0.0.2", 1935));
  policy.refuseOwn(tcp("127.0.0.1", 8080));
  policy.refuseOwn({ ...tcp("10.0.0.1", 1935), transport: "udp" });
});

Deno.test("the listeners of the other proxies are refused too", () => {
  const others = [{ listeners: [tcp("0.0.0.0", 1935)], ips: ["10.0.0.2"] }];
  const policy = open({ others, local: ["10.0.0.1"] });
  assert.throws(() => policy.refuseOwn(tcp("10.0.0.2", 1935)), isBadRequest);
  policy.refuseOwn(tcp("10.0.0.1", 1935));
  policy.refuseOwn(tcp("127.0.0.1", 1935));
});

Deno.test("a list of ranges does not open the proxy's own listeners", () => {
  const policy = open({ allow: ["127.0.0.0/8"], own: [tcp("127.0.0.1", 1935)] });
  assert.throws(() => policy.refuseOwn(tcp("127.0.0.1", 1935)), isBadRequest);
});
