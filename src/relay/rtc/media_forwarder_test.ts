import assert from "node:assert/strict";
import {
  CLIENT_HELLO,
  DTLS_DATA,
  FINISHED,
  ForwarderWorld,
  RTP,
  STUN_ANSWER,
} from "../../../tests/support/forwarder_world.ts";
import { assertNothingKept } from "../../../tests/support/memory.ts";
import { stunRequest } from "../../../tests/support/stun_message.ts";

/** The victim's address, the attacker's real address, and an unused one. */
const X = "192.0.2.1:5000";
const Y = "198.51.100.1:6000";

/** Makes a session exchange keys and media, as a running one has. */
function run(world: ForwarderWorld, name: string, at: string): void {
  world.open(name);
  world.check(name, at);
  world.answer(name, at, CLIENT_HELLO);
  world.answer(name, at, FINISHED);
  world.answer(name, at, RTP);
}

Deno.test("a forged sender takes nothing from a running session, not even briefly", () => {
  const world = new ForwarderWorld();
  run(world, "victim", X);
  run(world, "attacker", Y);
  world.pass(2_500);
  assert.deepEqual(world.check("attacker", X), ["attacker"], "the origin answers it there");
  assert.deepEqual(world.send(RTP, X), ["victim"]);
  assert.deepEqual(world.send(DTLS_DATA, X), ["victim"]);
  assert.deepEqual(
    world.send(STUN_ANSWER, X),
    ["victim", "attacker"],
    "it cannot be told whose it is",
  );
  assert.ok(world.answer("victim", X, RTP), "its media continues");
  // The victim only watches, and proves itself as rarely as browsers do.
  world.pass(60_000, () => {
    if (world.engine.time % 5_000 < 1_000) assert.deepEqual(world.check("victim", X), ["victim"]);
  });
  assert.deepEqual(world.send(RTP, X), ["victim"]);
  assert.deepEqual(world.reported("ended"), ["attacker"], "it has stopped proving itself");
});

Deno.test("a session that keeps sending media needs no request to keep its address", () => {
  const world = new ForwarderWorld();
  run(world, "victim", X);
  run(world, "attacker", Y);
  world.check("attacker", X);
  world.pass(25_000, () => assert.deepEqual(world.send(RTP, X), ["victim"]));
  assert.deepEqual(world.check("victim", X), ["victim"]);
});

Deno.test("repeated attacks with many sessions change nothing", () => {
  const world = new ForwarderWorld();
  run(world, "victim", X);
  for (let index = 0; index < 8; index++) run(world, `attacker${index}`, `${Y}${index}`);
  const attack = () => {
    for (let index = 0; index < 8; index++) {
      const name = `attacker${index}`;
      world.check(name, `${Y}${index}`);
      world.check(name, X);
      // With USE-CANDIDATE an attacker may make the origin send its media there too.
      if (world.linkOf(name, X)) world.answer(name, X, RTP);
    }
  };
  attack();
  assert.deepEqual(world.check("victim", X), ["victim"]);
  world.pass(120_000, () => {
    attack();
    if (world.engine.time % 5_000 < 1_000) assert.deepEqual(world.check("victim", X), ["victim"]);
    assert.deepEqual(world.send(RTP, X), ["victim"]);
  });
  assert.ok(!world.reported("ended").includes("victim"));
});

Deno.test("a reused port belongs to the new session at once", () => {
  const world = new ForwarderWorld();
  run(world, "old", X);
  world.pass(3_000);
  world.open("new");
  assert.deepEqual(world.check("new", X), ["new"]);
  assert.deepEqual(world.send(CLIENT_HELLO, X), ["new"]);
  assert.deepEqual(world.send(FINISHED, X), ["new"]);
  assert.ok(world.answer("new", X, FINISHED));
  assert.deepEqual(world.send(RTP, X), ["new"]);
  assert.deepEqual(world.send(DTLS_DATA, X), ["new"]);
  world.pass(11_000, () => {
    world.check("new", X);
    assert.deepEqual(world.send(RTP, X), ["new"]);
  });
  assert.deepEqual(world.reported("ended"), ["old"]);
  assert.equal(world.engine.open, 1);
  assert.deepEqual(world.send(STUN_ANSWER, X), ["new"]);
});

Deno.test("between two sessions without media the newest wins, until the older one proves itself", () => {
  const world = new ForwarderWorld();
  for (const name of ["a", "b"]) world.open(name);
  world.check("a", X);
  world.check("b", X);
  assert.deepEqual(world.send(RTP, X), ["b"]);
  assert.deepEqual(world.check("a", X), ["a"]);
  assert.deepEqual(world.send(RTP, X), ["a"]);
  assert.deepEqual(world.check("b", X), ["b"]);
  assert.deepEqual(world.send(RTP, X), ["a"], "it has defended its address");
  assert.deepEqual(world.send(CLIENT_HELLO, X), ["a", "b"], "the handshake may be either's");
  world.pass(11_000, () => world.check("b", X));
  assert.deepEqual(world.send(RTP, X), ["b"], "it must keep defending it");
  assert.deepEqual(world.reported("ended"), ["a"]);
});

Deno.test("forged requests from an address that several sessions claim reach nobody", () => {
  const world = new ForwarderWorld();
  for (const name of ["a", "b"]) world.open(name);
  world.check("a", X);
  assert.deepEqual(world.check("a", X, "wrong"), ["a"], "the origin judges");
  world.check("b", X);
  assert.deepEqual(world.check("a", X, "wrong"), []);
  assert.deepEqual(world.send(RTP, X), ["b"]);
  assert.equal(world.dropped("bad_integrity"), 2);
});

Deno.test("a session after an ICE restart takes over its address", () => {
  const world = new ForwarderWorld();
  run(world, "first", X);
  world.open("second", { before: "first" });
  assert.deepEqual(world.check("second", X), ["second"]);
  assert.deepEqual(world.send(RTP, X), ["second"]);
  world.pass(1_000);
  assert.deepEqual(world.reported("ended"), ["first"]);
});

Deno.test("a request that arrives before its session is known is not lost", () => {
  const world = new ForwarderWorld();
  assert.deepEqual(world.check("late", X), []);
  assert.deepEqual(world.reported("wanted"), ["late"]);
  world.open("late", { isWanted: true, isCounted: false });
  const link = world.linkOf("late", X);
  assert.equal(link?.sent.length, 1, "the very request");
  assert.deepEqual(world.reported("started"), ["late"]);
  assert.equal(world.dropped("unknown_user"), 0);
});

Deno.test("held requests are bounded, expire, and are counted", () => {
  const world = new ForwarderWorld();
  world.check("nobody", X);
  world.check("nobody", X);
  assert.deepEqual(world.reported("wanted"), ["nobody"], "asked once");
  world.unknown("nobody");
  world.check("nobody", X);
  assert.deepEqual(world.reported("wanted"), ["nobody"]);
  assert.equal(world.dropped("unknown_user"), 3);
  const long = stunRequest({ user: `long:${"x".repeat(500)}`, password: "x" });
  world.send(long, X);
  world.check("silence", X);
  assert.equal(world.dropped("unknown_user"), 4, "a long one is not held");
  world.pass(4_000);
  assert.equal(world.dropped("unknown_user"), 5);
  world.check("silence", X);
  assert.deepEqual(world.reported("wanted"), ["nobody", "long", "silence", "silence"]);
});

Deno.test("strangers from one network do not block lookups for others", () => {
  const world = new ForwarderWorld();
  for (let index = 0; index < 3_000; index++) {
    world.check(`stranger${index}`, `203.0.113.${index % 256}:${1 + index}`);
  }
  const asked = world.reported("wanted").length;
  assert.ok(asked <= 250, `${asked} questions`);
  world.check("late", X);
  assert.ok(world.reported("wanted").includes("late"));
  world.open("late", { isWanted: true });
  assert.deepEqual(world.reported("started"), ["late"]);
});

Deno.test("lookups of unknown users are bounded, wherever they come from", () => {
  const world = new ForwarderWorld();
  const flood = (begin: number) => {
    for (let index = begin; index < begin + 4_000; index++) {
      const network = `${1 + (index >> 14) % 200}.${(index >> 6) & 255}.${index & 63}`;
      assert.deepEqual(world.check(`stranger${index}`, `${network}.9:${1 + index % 60_000}`), []);
    }
  };
  flood(0);
  assert.ok(world.reported("wanted").length <= 500);
  world.pass(1_000);
  flood(4_000);
  assert.ok(world.reported("wanted").length <= 1_000);
  assert.equal(world.engine.open, 0);
});

Deno.test("forged requests for one session do not block others", () => {
  const world = new ForwarderWorld();
  for (const name of ["attacker", "other"]) world.open(name);
  for (let index = 0; index < 3_000; index++) {
    world.check("attacker", `203.0.113.1:${1 + index}`, "wrong");
  }
  assert.deepEqual(world.check("other", X), ["other"]);
  assert.ok(world.dropped("verify_limit") > 2_900);
});

Deno.test("sessions with many addresses leave each other session its first", () => {
  const world = new ForwarderWorld({ maxPaths: 20 });
  for (let index = 0; index < 10; index++) world.open(`s${index}`);
  for (let index = 0; index < 5; index++) {
    for (let port = 1; port <= 8; port++) world.check(`s${index}`, `198.51.100.${index}:${port}`);
  }
  for (let index = 5; index < 10; index++) {
    assert.deepEqual(world.check(`s${index}`, `192.0.2.${index}:1`), [`s${index}`]);
  }
  assert.ok(world.engine.open <= 20);
  assert.deepEqual(world.check("s0", "198.51.100.0:9"), ["s0"], "a client that moves continues");
  assert.deepEqual(world.send(RTP, "198.51.100.0:9"), ["s0"]);
});

Deno.test("forged senders take nobody's places", () => {
  const world = new ForwarderWorld({ maxSessionsPerAddress: 2 });
  for (const name of ["a", "b", "c", "d"]) world.open(name);
  for (const [index, name] of ["a", "b", "c"].entries()) {
    world.check(name, `192.0.2.1:${1 + index}`);
  }
  assert.deepEqual(world.check("d", X), ["d"], "they count by the address that asked for them");
});

Deno.test("abandoned sessions release everything", () => {
  const world = new ForwarderWorld({ consentTimeout: 1_000 });
  assertNothingKept((count) => {
    for (let index = 0; index < count; index++) {
      const [name, port] = [`left${index % 10}`, 1_024 + index % 60_000];
      run(world, name, `192.0.2.${index % 250}:${port}`);
      world.pass(2_000);
      assert.deepEqual(world.reported("ended"), [name]);
      world.reports.length = 0;
    }
    assert.equal(world.engine.open, 0);
  }, 25_000);
});
