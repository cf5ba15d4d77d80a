// What Redis does in one step, in Lua: it decides who maps a stream, and its clock is the one that
// counts. Each script touches the keys it is given and no others, costs the same however many
// origins and streams there are, and makes good again what somebody else has put under its keys.
// The rules are those of mapping_rules.ts.

import { createHash } from "node:crypto";

/** A script with the name under which Redis remembers it. */
export interface Script {
  readonly text: string;
  /** SHA-1 of the text, in hexadecimal. */
  readonly digest: string;
}

function script(...parts: readonly string[]): Script {
  const text = parts.join("\n");
  return { text, digest: createHash("sha1").update(text).digest("hex") };
}

const CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local garbage = 0

local function isError(reply)
  return type(reply) == 'table' and reply.err ~= nil
end`;

/** A version that begins with the time goes on rising after everything was lost. */
const VERSION = `
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

const INDEX = `
local function tidy(index)
  if isError(redis.pcall('ZREMRANGEBYSCORE', index, '-inf', now)) then
    redis.call('DEL', index)
    garbage = garbage + 1
  end
end`;

/**
 * Tries out whether Redis takes writes.
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
 * Writes an origin or a session, unless it is new and there is no room. With `settle` one that
 * lives longer already stays as it is.
 *
 * Keys: record, index, version. Arguments: channel, limit, field of the message (`origin` or
 * `session`), name, value, life in milliseconds, `settle` or `news`, who writes.
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
 * Keys: record, index, version. Arguments: channel, name, who writes.
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
 * Reads many records, and takes out of the index those that are gone.
 *
 * Keys: index, version, records. Arguments: their names.
 * Reply: now, version, garbage, values, nothing in place of one that is not there.
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
 * Does what is asked with mappings, one after the other.
 *
 * Keys: index, version, one mapping for each operation. Arguments: channel, limit, operations as
 * JSON. Reply: now, version, garbage, results as JSON: what came of it, then what holds now.
 */
export const STREAMS = script(
  CLOCK,
  VERSION,
  INDEX,
  `
local index, channel = KEYS[1], ARGV[1]
local room
local changed, gone, results = {}, {}, {}

local function isMapping(value)
  return type(value) == 'table' and type(value.origin) == 'string'
    and type(value.claimant) == 'string' and type(value.confirmed) == 'boolean'
    and type(value.expires) == 'number' and value.expires % 1 == 0
    and value.expires - now < 2 ^ 32
end

local function find(key)
  local value = redis.pcall('GET', key)
  if not value then return nil end
  local ok, mapping = pcall(cjson.decode, value)
  if ok and isMapping(mapping) then return mapping end
  garbage = garbage + 1
end

local function left(mapping)
  return math.max(mapping.expires - now, 1)
end

local function write(key, wish, mapping, ttl)
  mapping = {
    origin = mapping.origin, claimant = mapping.claimant, confirmed = mapping.confirmed,
    expires = now + ttl,
  }
  redis.call('SET', key, cjson.encode(mapping), 'PX', ttl)
  redis.call('ZADD', index, mapping.expires, wish.stream)
  changed[#changed + 1] =
    { wish.stream, mapping.origin, mapping.claimant, mapping.confirmed, ttl }
  return mapping
end

local function add(key, wish)
  room = room or (tonumber(ARGV[2]) - redis.call('ZCARD', index))
  if room <= 0 then return nil, 'full' end
  room = room - 1
  return write(key, wish, wish, wish.ttl)
end

local function includes(list, value)
  for _, each in ipairs(list) do
    if each == value then return true end
  end
  return false
end

local operations = {}

function operations.claim(key, wish, found)
  if not found then return add(key, wish) end
  if found.confirmed or found.claimant == '' or found.claimant == wish.claimant then
    return found
  end
  found.claimant = ''
  return write(key, wish, found, math.max(left(found), wish.ttl))
end

function operations.move(key, wish, found)
  if not found then return add(key, wish) end
  if not includes(wish.from, found.origin) then return found end
  return write(key, wish, wish, wish.ttl)
end

function operations.renew(key, wish, found)
  if not found then return add(key, wish) end
  if found.origin ~= wish.origin then return found end
  found.confirmed = found.confirmed or wish.confirmed
  return write(key, wish, found, math.max(left(found), wish.ttl))
end

function operations.forget(key, wish, found)
  if not found or found.origin ~= wish.origin or found.claimant ~= wish.claimant
    or found.confirmed then
    return found
  end
  redis.call('DEL', key)
  redis.call('ZREM', index, wish.stream)
  gone[#gone + 1] = wish.stream
end

function operations.settle(key, wish, found)
  if not found then return add(key, wish) end
  if found.origin == wish.origin then
    local isShared = not wish.confirmed and found.claimant ~= wish.claimant
    if isShared and not found.confirmed then found.claimant = '' end
    return operations.renew(key, wish, found)
  end
  if includes(wish.from, found.origin) or (wish.confirmed and not found.confirmed) then
    return write(key, wish, wish, wish.ttl)
  end
  return found
end

tidy(index)
for at, wish in ipairs(cjson.decode(ARGV[3])) do
  local key = KEYS[at + 2]
  if wish.before and now > wish.before then
    results[at] = { 'late' }
  else
    local mapping, problem = operations[wish.kind](key, wish, find(key))
    if mapping then
      results[at] =
        { 'holds', mapping.origin, mapping.claimant, mapping.confirmed, left(mapping) }
    else
      results[at] = { problem or 'none' }
    end
  end
end

local version
if #changed + #gone > 0 then
  version = nextVersion(KEYS[2])
  local message = { version = version }
  if #changed > 0 then message.streams = changed end
  if #gone > 0 then message.gone = gone end
  redis.call('PUBLISH', channel, cjson.encode(message))
else
  version = lastVersion(KEYS[2])
end
return { now, version, garbage, cjson.encode(results) }`,
);
