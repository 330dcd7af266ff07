/**
 * Lua: `check_right(command, key, …)` raises NOPERM unless this user may run the command on the key, or on all keys given.
 * It writes nothing and costs about a quarter of a command. Before Redis 7 it does nothing, because Redis cannot answer.
 */
export const rightCheck = `
local is_allowed = redis.acl_check_cmd or function() return true end
-- Only a pattern for all keys matches the empty key: a user with such a right is checked once for each command.
local on_all_keys = {}
local function check_right(command, key, ...)
  local on_all = on_all_keys[command]
  if on_all == nil then
    on_all = is_allowed(command, '')
    on_all_keys[command] = on_all
  end
  if on_all or is_allowed(command, key, ...) then return end
  error({ err = 'NOPERM this user has no permission to run ' .. command .. ' on ' .. key })
end
`;

/**
 * Lua for scripts that write more than once. Redis does not roll back a failed script, so a script checks all its writes before
 * the first one:
 * - `check_write(command, key)` raises NOPERM as above, WRONGTYPE, or an error for a counter that is no integer;
 * - `check_writes(commands)` does so for a list of commands as lists of words; reads that follow a write belong among them.
 */
export const writeCheck = `${rightCheck}
-- The command that reads the type of key that each command writes.
local readers = {
  HSET = 'HGET', HDEL = 'HGET', HINCRBY = 'HGET', SADD = 'SCARD', SREM = 'SCARD', ZADD = 'ZCARD', ZREM = 'ZCARD',
  ZREMRANGEBYSCORE = 'ZCARD', ZPOPMIN = 'ZCARD', XADD = 'XLEN', XACK = 'XLEN', INCR = 'GET', INCRBY = 'GET',
}
local read_by = {}
local function check_type(command, key)
  local reader = readers[command]
  if not reader or read_by[key] == reader then return end
  if reader == 'HGET' then
    redis.call('HGET', key, '')
  else
    local value = redis.call(reader, key)
    if reader == 'GET' and value and not string.match(value, '^%-?%d+$') then
      error({ err = 'ERR value is not an integer: ' .. key })
    end
  end
  read_by[key] = reader
end

local function check_write(command, key)
  check_right(command, key)
  check_type(command, key)
end
local function check_writes(commands)
  for _, command in ipairs(commands) do
    if command[1] == 'DEL' then check_right(unpack(command)) else check_write(command[1], command[2]) end
  end
end`;
