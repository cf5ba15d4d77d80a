import assert from "node:assert/strict";
import { systemClock } from "../../core/clock.ts";
import { LocalTally } from "../../core/tally.ts";
import { DenoEngine } from "../../net/udp/deno_engine.ts";
import { toRawAddress } from "../../net/udp/raw_address.ts";
import { MediaSessions } from "./media_sessions.ts";

Deno.test("WebRTC clients in one /64 share a limit, and those in another have their own", async () => {
  const listen = { host: "::1", port: 0 };
  const engine = new DenoEngine({ clock: systemClock, listen, tick: 100, maxLinks: 10 });
  const tallies = { sessions: new LocalTally(), sockets: new LocalTally() };
  const bounds = { maxPaths: 10, maxSessionsPerAddress: 2 };
  const sessions = new MediaSessions(engine, () => bounds, tallies);
  const media = { host: "::1", port: 9 };
  const open = (user: string, host: string) => {
    sessions.put({ user, password: "secret", media, isCounted: false });
    const path = sessions.addPath(sessions.get(user)!, toRawAddress({ host, port: 4711 }));
    return typeof path === "string" ? path : "open";
  };
  const opened = ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:3::", "2001:db8:1:3::1"]
    .map((host, index) => open(`user${index}`, host));
  assert.deepEqual(opened, ["open", "open", "address_limit", "open"]);
  sessions.remove(sessions.get("user0")!);
  assert.equal(open("user4", "2001:db8:1:2:5::"), "open");
  for (const session of [...sessions.all()]) sessions.remove(session);
  engine.close();
  await engine.run({
    fromClient: () => undefined,
    fromOrigin: () => false,
    unreachable: () => {},
    tick: () => {},
  });
});
