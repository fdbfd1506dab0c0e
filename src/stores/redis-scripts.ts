/**
 * The Lua scripts of the Redis store. Each is one atomic step on one key, `KEYS[1]`: a grant's hash, or one index.
 * Redis's own clock judges, and no number passes through a format that could round it.
 *
 * A field that is not known is not there. Answers that show a row are `[status, now, row, ...]`, the row as `HGETALL`
 * gives it. A call that a client sends twice, because it lost the connection before the answer, carries the same
 * `call` name both times, so that insert, acquire and end answer the second as they did the first. Such a second call,
 * and a commit that finds its own token set, write a value over itself: `WAIT` counts only what its own connection wrote.
 *
 * `allow-oom`: a full Redis refuses new grants, and still takes the rotation or the end of one that it has.
 *
 * @see [Scripting with Lua](https://redis.io/docs/latest/develop/programmability/eval-intro/) - script flags
 *
 * @module
 */
const READS = "#!lua flags=no-writes\n";
const ADDS = "#!lua\n";
const CHANGES = "#!lua flags=allow-oom\n";

const PREAMBLE = `local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function text(number) return string.format('%.0f', number) end
local function row() return redis.call('HGETALL', KEYS[1]) end
`;

/** The key expires with the grant: Redis purges by itself. */
const SLIDING = `local function slide(wanted)
  local ends = redis.call('HMGET', KEYS[1], 'slidingEndMs', 'absoluteEndMs')
  local capped = math.min(tonumber(wanted), tonumber(ends[2]))
  if capped <= tonumber(ends[1]) then return end
  redis.call('HSET', KEYS[1], 'slidingEndMs', text(capped))
  redis.call('PEXPIREAT', KEYS[1], text(capped))
end
`;

/** Whether holder and fence are those of the newest lease, and it was not given back. */
const NEWEST = `local function isNewest(holder, fence)
  local lease = redis.call('HMGET', KEYS[1], 'leaseHolder', 'fence')
  return lease[1] == holder and lease[2] == fence
end
`;

/** Each candidate is one field, \`candidate:<attempt>\`, with the value \`<order> <version> <keptAtMs> <JSON>\`. */
const CANDIDATES = `local function candidates()
  local found = {}
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    if string.sub(field, 1, 10) == 'candidate:' then
      local order = string.match(redis.call('HGET', KEYS[1], field), '^%d+')
      found[#found + 1] = { field = field, order = tonumber(order) }
    end
  end
  table.sort(found, function(one, other) return one.order < other.order end)
  return found
end
`;

/** ARGV: call, slidingEndMs, field, value, ... Returns 1 if the id was free, or taken by this very call. */
export const INSERT: string = `${ADDS}${PREAMBLE}
if redis.call('EXISTS', KEYS[1]) == 1 then
  if redis.call('HGET', KEYS[1], 'insertedBy') ~= ARGV[1] then return 0 end
  redis.call('HSET', KEYS[1], 'insertedBy', ARGV[1])
  return 1
end
redis.call('HSET', KEYS[1], 'insertedBy', ARGV[1], 'createdAtMs', text(now), unpack(ARGV, 3))
redis.call('PEXPIREAT', KEYS[1], ARGV[2])
return 1`;

/** Returns \`['row', now, row]\`, the row empty where there is none. */
export const READ: string = `${READS}${PREAMBLE}
return { 'row', text(now), row() }`;

/**
 * ARGV: holder, durationMs, deadlineMs, the longest lease, call, the beginning of the intent as JSON.
 * Returns the row and the intent that was found, '' for none. A second call of one name keeps the fence and the intent
 * found by the first, and its lease lasts from now.
 */
export const ACQUIRE: string = `${CHANGES}${PREAMBLE}
local found = redis.call('HMGET', KEYS[1], 'state', 'leaseHolder', 'leaseUntilMs', 'intent', 'version',
  'acquiredBy', 'intentBefore', 'intentVersion')
if not found[1] then return { 'absent' } end
if found[1] == 'ended' then return { 'ended', text(now), row() } end
local again = found[2] and found[6] == ARGV[5]
local untilMs = tonumber(found[3] or '0')
if not again and found[2] and found[2] ~= ARGV[1] and untilMs > now and untilMs <= now + tonumber(ARGV[4]) then
  return { 'held', text(now), row() }
end
local fence = text(redis.call('HINCRBY', KEYS[1], 'fence', again and 0 or 1))
local before = (again and found[7] or found[4]) or ''
local started = now
if found[4] and found[8] == found[5] then
  started = math.min(now, tonumber(string.match(found[4], '"startedAtMs":(%d+)') or now))
end
local intent = string.sub(ARGV[6], 1, -2) .. ',"parentVersion":' .. found[5] .. ',"fence":' .. fence
  .. ',"startedAtMs":' .. text(started) .. ',"deadlineAtMs":' .. text(now + tonumber(ARGV[3])) .. ',"outcome":"pending"}'
redis.call('HSET', KEYS[1], 'leaseHolder', ARGV[1], 'leaseUntilMs', text(now + tonumber(ARGV[2])),
  'intent', intent, 'intentVersion', found[5], 'acquiredBy', ARGV[5], 'intentBefore', before)
return { 'acquired', text(now), row(), before }`;

/** ARGV: holder, fence, durationMs. Returns 1 if it was still this lease. */
export const RENEW: string = `${CHANGES}${PREAMBLE}${NEWEST}
if not isNewest(ARGV[1], ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'leaseUntilMs', text(now + tonumber(ARGV[3])))
return 1`;

/** ARGV: holder, fence, intent or '', its parent version; then 'keep', 'clear', or 'set' with failures, waitMs, code. */
export const RELEASE: string = `${CHANGES}${PREAMBLE}${NEWEST}
if not isNewest(ARGV[1], ARGV[2]) then return 0 end
redis.call('HDEL', KEYS[1], 'leaseHolder', 'leaseUntilMs', 'intent', 'intentVersion', 'intentBefore')
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'intent', ARGV[3], 'intentVersion', ARGV[4]) end
if ARGV[5] ~= 'keep' then redis.call('HDEL', KEYS[1], 'backoffFailures', 'backoffUntilMs', 'backoffCode') end
if ARGV[5] == 'set' then
  redis.call('HSET', KEYS[1], 'backoffFailures', ARGV[6], 'backoffUntilMs', text(now + tonumber(ARGV[7])),
    'backoffCode', ARGV[8])
end
return 1`;

/** ARGV: expectedVersion, slidingEndMs, holder and fence ('' for none), field, value, ..., the sealed token set first. */
export const COMMIT: string = `${CHANGES}${PREAMBLE}${NEWEST}${SLIDING}
local found = redis.call('HMGET', KEYS[1], 'state', 'version', 'intentVersion', ARGV[5])
if not found[1] then return { 'absent' } end
if found[1] == 'ended' then return { 'ended', text(now), row() } end
if found[2] ~= ARGV[1] then
  if found[4] == ARGV[6] then redis.call('HSET', KEYS[1], ARGV[5], ARGV[6]) end
  return { 'conflict', text(now), row() }
end
redis.call('HSET', KEYS[1], unpack(ARGV, 5))
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HDEL', KEYS[1], 'backoffFailures', 'backoffUntilMs', 'backoffCode')
if found[3] == ARGV[1] then redis.call('HDEL', KEYS[1], 'intent', 'intentVersion') end
if isNewest(ARGV[3], ARGV[4]) then redis.call('HDEL', KEYS[1], 'leaseHolder', 'leaseUntilMs', 'intentBefore') end
slide(ARGV[2])
return { 'committed', text(now), row() }`;

/** ARGV: attemptId, version, the rest of the candidate as JSON, the most that are kept. Returns 1 if the grant is live. */
export const ADD_CANDIDATE: string = `${CHANGES}${PREAMBLE}${CANDIDATES}
if redis.call('HGET', KEYS[1], 'state') ~= 'live' then return 0 end
redis.call('HDEL', KEYS[1], 'candidate:' .. ARGV[1])
local kept = candidates()
local order = 1
if #kept > 0 then order = kept[#kept].order + 1 end
while #kept >= tonumber(ARGV[4]) do redis.call('HDEL', KEYS[1], table.remove(kept, 1).field) end
redis.call('HSET', KEYS[1], 'candidate:' .. ARGV[1],
  text(order) .. ' ' .. ARGV[2] .. ' ' .. text(now) .. ' ' .. ARGV[3])
return 1`;

/** ARGV: attemptId. */
export const REMOVE_CANDIDATE: string = `${CHANGES}
return redis.call('HDEL', KEYS[1], 'candidate:' .. ARGV[1])`;

/**
 * ARGV: reason, expectedVersion or '', call, and the field and value that must match, or '' and ''.
 * Returns \`['ended', now, row]\`, or \`['none']\`.
 */
export const END: string = `${CHANGES}${PREAMBLE}
local found = redis.call('HMGET', KEYS[1], 'state', 'version', 'endedBy', ARGV[4])
if found[1] == 'ended' and found[3] == ARGV[3] then
  redis.call('HSET', KEYS[1], 'endedBy', ARGV[3])
  return { 'ended', text(now), row() }
end
if found[1] ~= 'live' or (ARGV[2] ~= '' and found[2] ~= ARGV[2]) then return { 'none' } end
if ARGV[4] ~= '' and found[4] ~= ARGV[5] then return { 'none' } end
redis.call('HSET', KEYS[1], 'state', 'ended', 'endReason', ARGV[1], 'endedAtMs', text(now), 'endedBy', ARGV[3])
return { 'ended', text(now), row() }`;

/** Erases tokens and candidates of an ended grant. */
export const WIPE: string = `${CHANGES}${CANDIDATES}
if redis.call('HGET', KEYS[1], 'state') ~= 'ended' then return 0 end
for _, kept in ipairs(candidates()) do redis.call('HDEL', KEYS[1], kept.field) end
redis.call('HSET', KEYS[1], 'sealedTokenSet', '')
return 1`;

/** ARGV: expectedVersion, expectedSealedTokenSet, sealedTokenSet, keyId; then attemptId and JSON of each candidate. */
export const RESEAL: string = `${CHANGES}
local found = redis.call('HMGET', KEYS[1], 'version', 'sealedTokenSet')
if found[1] ~= ARGV[1] or found[2] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'sealedTokenSet', ARGV[3], 'keyId', ARGV[4])
for index = 5, #ARGV, 2 do
  local field = 'candidate:' .. ARGV[index]
  local kept = redis.call('HGET', KEYS[1], field)
  if kept then
    redis.call('HSET', KEYS[1], field, string.match(kept, '^%d+ %-?%d+ %d+ ') .. ARGV[index + 1])
  end
end
return 1`;

/** ARGV: slidingEndMs. */
export const SLIDE: string = `${CHANGES}${PREAMBLE}${SLIDING}
if redis.call('HGET', KEYS[1], 'state') == 'live' then slide(ARGV[1]) end
return 1`;

/**
 * KEYS[1] is an index: grant ids, each with its absolute end. ARGV: grant id, absoluteEndMs. What is past its end goes,
 * and the index expires with the last. Nothing else is ever taken out, so that no grant is missed that is being made.
 */
export const INDEX: string = `${ADDS}${PREAMBLE}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. text(now))
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], text(tonumber(last[2])))
return 1`;
