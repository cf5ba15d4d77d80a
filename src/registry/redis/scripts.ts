// What Redis does in one step, in Lua: it decides who maps a stream, and its clock is the one that counts.
// Each script touches only the keys it is given, costs the same however many origins and streams there
// are, and repairs what somebody else has put under its keys. The script for mappings is in
// stream_script.ts.

import { createHash } from "node:crypto";

/** A script and the name under which Redis caches it. */
export interface Script {
  readonly text: string;
  /** SHA-1 of the text, in hexadecimal. */
  readonly digest: string;
}

export function script(...parts: readonly string[]): Script {
  const text = parts.join("\n");
  return { text, digest: createHash("sha1").update(text).digest("hex") };
}

/** Part of every script: Redis's time in milliseconds as `now`, and what counts as an error. */
export const CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local garbage = 0

local function isError(reply)
  return type(reply) == 'table' and reply.err ~= nil
end`;

/** A version that starts from the time keeps rising even after everything was lost. */
export const VERSION = `
local function lastVersion(key)
  local version = tonumber(redis.pcall('GET', key) or '')
  return string.format('%.0f', version or 0)
end

local function nextVersion(key)
  local version = redis.pcall('INCR', key)
  if type(version) ~= 'number' or version < 1e15 or version > 9e15 then
    version = now * 1000
    redis.call('SET', key, string.format('%.0f', version))
  end
  return string.format('%.0f', version)
end`;

/** Removes expired names from an index. */
export const INDEX = `
local function tidy(index)
  if isError(redis.pcall('ZREMRANGEBYSCORE', index, '-inf', now)) then
    redis.call('DEL', index)
    garbage = garbage + 1
  end
end`;

/**
 * Checks that Redis accepts writes.
 *
 * Keys: probe, version. Reply: now, version, garbage.
 */
export const PROBE = script(
  CLOCK,
  VERSION,
  `
redis.call('SET', KEYS[1], now, 'PX', 60000)
return { now, lastVersion(KEYS[2]), garbage }`,
);

/**
 * Writes an origin or a session, unless it is new and there is no room. With `settle`, one that already
 * lives longer stays as it is.
 *
 * Keys: record, index, version. Arguments: channel, limit, field of the message (`origin` or
 * `session`), name, value, life in milliseconds, `settle` or `news`, writer.
 * Reply: now, version, garbage, `written`, `kept` or `full`.
 */
export const PUT = script(
  CLOCK,
  VERSION,
  INDEX,
  `
local record, index = KEYS[1], KEYS[2]
local channel, field, name, value, ttl = ARGV[1], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
tidy(index)
local expires = redis.call('ZSCORE', index, name)
if not expires and redis.call('ZCARD', index) >= tonumber(ARGV[2]) then
  return { now, lastVersion(KEYS[3]), garbage, 'full' }
end
if ARGV[7] == 'settle' and expires and tonumber(expires) >= now + ttl
  and redis.call('EXISTS', record) == 1 then
  return { now, lastVersion(KEYS[3]), garbage, 'kept' }
end
redis.call('SET', record, value, 'PX', ttl)
redis.call('ZADD', index, now + ttl, name)
local version = nextVersion(KEYS[3])
local message = {
  version = version, ttl = ttl, by = ARGV[8], [field] = field == 'origin' and value or name,
}
redis.call('PUBLISH', channel, cjson.encode(message))
return { now, version, garbage, 'written' }`,
);

/**
 * Removes a session.
 *
 * Keys: record, index, version. Arguments: channel, name, writer.
 * Reply: now, version, garbage.
 */
export const REMOVE = script(
  CLOCK,
  VERSION,
  INDEX,
  `
tidy(KEYS[2])
redis.call('ZREM', KEYS[2], ARGV[2])
if redis.call('DEL', KEYS[1]) == 0 then return { now, lastVersion(KEYS[3]), garbage } end
local version = nextVersion(KEYS[3])
local message = { version = version, session = ARGV[2], by = ARGV[3] }
redis.call('PUBLISH', ARGV[1], cjson.encode(message))
return { now, version, garbage }`,
);

/**
 * Reads some records.
 *
 * Keys: version, records. Reply: now, version, garbage, values, milliseconds left.
 */
export const GET_SOME = script(
  CLOCK,
  VERSION,
  `
local values, lives = {}, {}
for at = 2, #KEYS do
  local value = redis.pcall('GET', KEYS[at])
  if isError(value) then
    value = false
    garbage = garbage + 1
  end
  values[at - 1] = value
  lives[at - 1] = value and redis.call('PTTL', KEYS[at]) or 0
end
return { now, lastVersion(KEYS[1]), garbage, values, lives }`,
);

/**
 * Reads many records, and removes those that are gone from the index.
 *
 * Keys: index, version, records. Arguments: their names.
 * Reply: now, version, garbage, values, with nothing for a record that does not exist.
 */
export const PAGE = script(
  CLOCK,
  VERSION,
  `
local records = {}
for at = 3, #KEYS do records[#records + 1] = KEYS[at] end
local values = redis.call('MGET', unpack(records))
for at, value in ipairs(values) do
  if not value then
    if redis.call('EXISTS', records[at]) == 1 then
      garbage = garbage + 1
    else
      redis.call('ZREM', KEYS[1], ARGV[at])
    end
  end
end
return { now, lastVersion(KEYS[2]), garbage, values }`,
);

/**
 * Announces where a proxy listens, and reads where all of them do.
 *
 * Keys: places, version. Arguments: the place, milliseconds for which it counts, most places.
 * Reply: now, version, garbage, places.
 */
export const PLACES = script(
  CLOCK,
  VERSION,
  INDEX,
  `
local places = KEYS[1]
tidy(places)
local isKnown = redis.call('ZSCORE', places, ARGV[1])
if isKnown or redis.call('ZCARD', places) < tonumber(ARGV[3]) then
  redis.call('ZADD', places, now + tonumber(ARGV[2]), ARGV[1])
end
return { now, lastVersion(KEYS[2]), garbage, redis.call('ZRANGE', places, 0, -1) }`,
);

/**
 * Changes the settings of an origin, if a change is given, and reads all settings.
 *
 * Keys: settings, version. Arguments: most entries, channel, message; id, and the change as JSON or
 * `forget`. Reply: now, version, garbage, all settings as JSON or `full`.
 */
export const SETTINGS = script(
  CLOCK,
  VERSION,
  `
local text = redis.pcall('GET', KEYS[1])
local all = {}
if isError(text) then
  redis.call('DEL', KEYS[1])
  garbage = garbage + 1
elseif text then
  local isRead, value = pcall(cjson.decode, text)
  if isRead and type(value) == 'table' then all = value else garbage = garbage + 1 end
end
local id, change = ARGV[4], ARGV[5]
if id then
  local entry = all[id]
  if type(entry) ~= 'table' then entry = nil end
  local size = 0
  for _ in pairs(all) do size = size + 1 end
  if change ~= 'forget' then
    if not entry and size >= tonumber(ARGV[1]) then
      return { now, lastVersion(KEYS[2]), garbage, 'full' }
    end
    entry = entry or { draining = 0, weight = 100 }
    for name, value in pairs(cjson.decode(change)) do entry[name] = value end
    if entry.labels == '*' then entry.labels = nil end
    if entry.draining == 0 and entry.weight == 100 and not entry.labels then
      entry = nil
    else
      entry.at = now
    end
  else
    entry = nil
  end
  all[id] = entry
  redis.call('SET', KEYS[1], cjson.encode(all))
  redis.call('PUBLISH', ARGV[2], ARGV[3])
end
return { now, lastVersion(KEYS[2]), garbage, cjson.encode(all) }`,
);
