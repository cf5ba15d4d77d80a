// What Redis does with mappings in one step, in Lua. The rules are those of mapping_rules.ts, under the same
// numbers. The only keys it touches without being given them are those of mappings removed to make room.

import { CLOCK, INDEX, script, VERSION } from "./scripts.ts";

/** How mappings are stored, read and written. */
const MAPPINGS = `
local index, channel, streamKey = KEYS[1], ARGV[1], ARGV[3]
local room
local changed, gone, results = {}, {}, {}
-- What a message says of each stream is what holds at the end.
local said = {}

local function isMapping(value)
  return type(value) == 'table' and type(value.origin) == 'string'
    and type(value.claimant) == 'string' and type(value.confirmed) == 'boolean'
    and type(value.expires) == 'number' and value.expires % 1 == 0
    and value.expires - now < 2 ^ 32
    and type(value.publisher or '') == 'string' and type(value.epoch or 0) == 'number'
    and type(value.liveUntil or 0) == 'number'
end

local function find(key)
  local value = redis.pcall('GET', key)
  if not value then return nil end
  local ok, mapping = pcall(cjson.decode, value)
  if not ok or not isMapping(mapping) then
    garbage = garbage + 1
    return nil
  end
  mapping.epoch = mapping.epoch or 0
  mapping.liveUntil = math.min(mapping.liveUntil or 0, now + 2 ^ 32)
  if mapping.liveUntil <= now then mapping.publisher = '' end
  mapping.publisher = mapping.publisher or ''
  return mapping
end

local function left(mapping)
  return math.max(mapping.expires - now, 1)
end

local function liveLeft(mapping)
  return mapping.publisher ~= '' and math.max(mapping.liveUntil - now, 1) or 0
end

local function told(mapping)
  return mapping.origin, mapping.claimant, mapping.confirmed, left(mapping),
    mapping.publisher, liveLeft(mapping), mapping.epoch
end

local function write(key, operation, mapping, ttl)
  local live = mapping.publisher ~= ''
  mapping = {
    origin = mapping.origin, claimant = mapping.claimant, confirmed = mapping.confirmed,
    publisher = mapping.publisher, epoch = mapping.epoch, expires = now + ttl,
    liveUntil = live and mapping.liveUntil or 0,
  }
  redis.call('SET', key, cjson.encode(mapping), 'PX', ttl)
  redis.call('ZADD', index, mapping.expires, operation.stream)
  said[operation.stream] = { operation.stream, told(mapping) }
  return mapping
end

local function remove(key, stream)
  redis.call('DEL', key)
  redis.call('ZREM', index, stream)
  said[stream] = false
end

-- What viewers asked for gives way to a publisher: one of those that lapse first.
local function makeRoom()
  for _, stream in ipairs(redis.call('ZRANGE', index, 0, 31)) do
    local key = streamKey .. stream
    local mapping = find(key)
    if not mapping or mapping.publisher == '' then
      remove(key, stream)
      return true
    end
  end
  return false
end

local function add(key, operation, mapping)
  room = room or (tonumber(ARGV[2]) - redis.call('ZCARD', index))
  if room <= 0 then
    if not (operation.publishes or operation.live == 'runs') or not makeRoom() then return nil, 'full' end
    room = room + 1
  end
  room = room - 1
  return write(key, operation, mapping, operation.ttl)
end`;

/** The mapping that an operation creates, and which of two mappings holds. */
const RULES = `
-- Rule 8
local function laterThan(found)
  return math.max(now, found and found.epoch + 1 or 0)
end

local function newMapping(operation, epoch)
  return {
    origin = operation.origin, claimant = operation.claimant, confirmed = false,
    publisher = '', epoch = epoch,
  }
end

local function mappingOf(operation)
  local live = operation.live == 'runs'
  return {
    origin = operation.origin, claimant = operation.claimant, confirmed = operation.confirmed,
    publisher = live and operation.publisher or '', epoch = operation.epoch,
    liveUntil = live and now + operation.liveTtl or 0,
  }
end

-- Rule 6
local function overrules(relied, found)
  local live, other = relied.publisher ~= '', found.publisher ~= ''
  if live ~= other then return live end
  return relied.epoch > found.epoch
end

-- Rule 7
local function prevails(ours, theirs)
  if ours.publisher ~= '' or theirs.publisher ~= '' then return overrules(ours, theirs) end
  if ours.confirmed ~= theirs.confirmed then return ours.confirmed end
  return ours.claimant == theirs.claimant and ours.epoch > theirs.epoch
end

-- Rule 9
local function overruled(key, operation, found)
  local mapping = mappingOf(operation)
  mapping.epoch = math.max(found.epoch, operation.epoch)
  return write(key, operation, mapping, operation.ttl)
end

-- Rule 10, and rule 11 up to the end of the condition
local function together(key, operation, found)
  local own = found.publisher == '' or found.publisher == operation.publisher
  -- Whose lease was not renewed in its time runs no more: whoever runs takes its place.
  local isLate = found.liveUntil < now + operation.liveTtl / 2
  if operation.live == 'runs' and (own or isLate) then
    local before = found.publisher == '' and 0 or found.liveUntil
    found.publisher = operation.publisher
    found.liveUntil = math.max(before, now + operation.liveTtl)
  elseif own and operation.live == 'ended' then
    found.publisher = ''
  end
  found.confirmed = found.confirmed or operation.confirmed
  found.epoch = math.max(found.epoch, operation.epoch)
  return write(key, operation, found, math.max(left(found), operation.ttl))
end

local function includes(list, value)
  for _, each in ipairs(list) do
    if each == value then return true end
  end
  return false
end`;

/** One function for each kind of operation: returns what holds afterwards, or nothing and why. */
const OPERATIONS = `
local operations = {}

-- Rule 1
function operations.claim(key, operation, found)
  if not found then return add(key, operation, newMapping(operation, laterThan())) end
  local common = not found.confirmed and found.claimant ~= '' and found.claimant ~= operation.claimant
  if not common and left(found) >= operation.ttl then return found end
  if common then found.claimant = '' end
  return write(key, operation, found, math.max(left(found), operation.ttl))
end

-- Rule 2
function operations.move(key, operation, found)
  if not found then return add(key, operation, newMapping(operation, laterThan())) end
  if not includes(operation.from, found.origin) or found.publisher ~= '' then return found end
  return write(key, operation, newMapping(operation, laterThan(found)), operation.ttl)
end

-- Rule 3
function operations.publish(key, operation, found)
  if not found then return add(key, operation, mappingOf(operation)) end
  if found.origin == operation.origin then
    found.publisher = ''
    return together(key, operation, found)
  end
  if found.publisher ~= '' then return found end
  return overruled(key, operation, found)
end

-- Rule 4
function operations.renew(key, operation, found)
  if not found then return add(key, operation, mappingOf(operation)) end
  if found.origin == operation.origin then return together(key, operation, found) end
  if overrules(mappingOf(operation), found) then return overruled(key, operation, found) end
  return found
end

-- Rule 5
function operations.forget(key, operation, found)
  if not found or found.origin ~= operation.origin or found.claimant ~= operation.claimant
    or found.confirmed or found.publisher ~= '' then
    return found
  end
  remove(key, operation.stream)
end

-- What a proxy has decided alone; Unwritten.judge foretells the result
function operations.settle(key, operation, found)
  if not found then return add(key, operation, mappingOf(operation)) end
  if found.origin == operation.origin then
    local isShared = not operation.confirmed and found.claimant ~= operation.claimant
    if isShared and not found.confirmed then found.claimant = '' end
    return together(key, operation, found)
  end
  local leaves = includes(operation.from, found.origin) and found.publisher == ''
  if leaves or prevails(mappingOf(operation), found) then return overruled(key, operation, found) end
  return found
end`;

/** An operation that is malformed or fails does not affect the others. */
const MAIN = `
local function attempt(text, key)
  local operation = cjson.decode(text)
  if operation.before and now > operation.before then return { 'late' } end
  local mapping, problem = operations[operation.kind](key, operation, find(key))
  if not mapping then return { problem or 'none' } end
  return { 'holds', told(mapping) }
end

tidy(index)
for at = 3, #KEYS do
  local ok, result = pcall(attempt, ARGV[at + 1], KEYS[at])
  results[at - 2] = ok and result or { 'failed' }
end

for stream, mapping in pairs(said) do
  if mapping then changed[#changed + 1] = mapping else gone[#gone + 1] = stream end
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
return { now, version, garbage, cjson.encode(results) }`;

/**
 * Carries out operations on mappings, one after the other.
 *
 * Keys: index, version, one mapping for each operation. Arguments: channel, limit, the prefix of
 * mappings' keys, and each operation as JSON. Reply: now, version, garbage, results as JSON: the outcome
 * of each, then what holds now.
 */
export const STREAMS = script(CLOCK, VERSION, INDEX, MAPPINGS, RULES, OPERATIONS, MAIN);
