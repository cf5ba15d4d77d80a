import assert from "node:assert/strict";
import { KnownUsers, knownUsersMemory } from "./known_users.ts";

const SESSIONS = 10_000;

Deno.test("every added user is known to all threads until removed", () => {
  const memory = knownUsersMemory(SESSIONS);
  const writer = new KnownUsers(memory);
  const reader = new KnownUsers(structuredClone(memory));
  const users = Array.from({ length: SESSIONS }, (_, index) => `user${index}:me`);
  for (const user of users) writer.add(user);
  for (const user of users) assert.ok(reader.has(user));
  const strangers = users.filter((user) => reader.has(`not ${user}`));
  assert.ok(
    strangers.length < SESSIONS / 100,
    `${strangers.length} strangers were taken for users`,
  );
  for (const user of users) writer.remove(user);
  assert.deepEqual(users.filter((user) => reader.has(user)), []);
});

Deno.test("a user must be removed as often as it was added, whatever its name", () => {
  const users = new KnownUsers(knownUsersMemory(1));
  for (const user of ["", "a:b", "x".repeat(5_000), "\ud800"]) {
    users.add(user);
    users.add(user);
    users.remove(user);
    assert.ok(users.has(user));
    users.remove(user);
    assert.equal(users.has(user), false);
  }
});
