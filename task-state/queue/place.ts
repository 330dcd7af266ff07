import { leaseFunction } from "./leases.ts";

/**
 * A task that something is still to be done for has a place that leads a dispatcher to it: an entry of the work stream, a due
 * time, a list of parked or of unreadable tasks, or a lease.
 *
 * Lua, on the scripts' locals `leases`, `due`, `unreadable`, `parkedUsers`, `parkedPrefix`:
 * - `facts_of(sidecar)` reads what the others need; nil for a sidecar of another type;
 * - `is_leased(facts, watched, wall)` is true while a dispatcher holds the task;
 * - `is_open(facts)` is true unless the sidecar shows that nothing is to be done, or that an operator has to do it;
 * - `has_place(facts, id)` is true for a place other than the stream and a lease.
 */
export const placeFunction = `${leaseFunction}
local fields = { 'rev', 'phase', 'want', 'dead', 'confirmedAt', 'user', 'lease', 'leaseUntil' }
local function facts_of(sidecar)
  local values = redis.pcall('HMGET', sidecar, unpack(fields))
  if values.err then
    if not string.find(values.err, 'WRONGTYPE', 1, true) then redis.call('HMGET', sidecar, 'rev') end
    return nil
  end
  local facts = {}
  for index, field in ipairs(fields) do facts[field] = values[index] end
  return facts
end
local function is_leased(facts, watched, wall)
  return facts.lease and holds(leases, facts.lease, tonumber(facts.leaseUntil), watched, wall)
end
local function is_open(facts)
  if facts.dead or facts.confirmedAt then return false end
  return facts.want or facts.phase == 'queued' or facts.phase == 'sending'
end
local function is_parked(id, user)
  -- Nobody looks at the tasks of a user who is not on the list of users.
  if not redis.call('ZSCORE', parkedUsers, user) then return false end
  local parked = parkedPrefix .. user
  local score = redis.pcall('ZSCORE', parked, id)
  if type(score) ~= 'table' then return score end
  if not string.find(score.err, 'WRONGTYPE', 1, true) then redis.call('ZSCORE', parked, id) end
  return false
end
local function has_place(facts, id)
  return redis.call('ZSCORE', due, id) or redis.call('ZSCORE', unreadable, id) or is_parked(id, facts.user or '')
end`;
