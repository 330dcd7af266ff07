import { dispatchGroup, keys } from "./keys.ts";
import { defineScript } from "./script.ts";

/**
 * Lua: `acknowledge(entry)` acknowledges an entry of the work stream and takes off the stream what has been read and
 * acknowledged. Never by XDEL: once that has hit the entry that was read last, the group's lag is NULL as long as an
 * older one is pending, and a scaler that goes by the lag starts nobody.
 */
export const acknowledgeLua = `
local function acknowledge(entry)
  local work, group = '${keys.work}', '${dispatchGroup}'
  if redis.call('XACK', work, group, entry) == 0 then return end
  local oldest = redis.call('XPENDING', work, group, '-', '+', 1)[1]
  local keepFrom = oldest and oldest[1]
  if not keepFrom then
    for _, info in ipairs(redis.call('XINFO', 'GROUPS', work)) do
      local ms, seq = string.match(info[8], '(%d+)-(%d+)')
      if info[2] == group then keepFrom = ms .. '-' .. string.format('%.0f', seq + 1) end
    end
  end
  redis.call('XTRIM', work, 'MINID', keepFrom)
end
`;

/*
 * keys   none
 * args   entry
 * reply  nothing
 */
export const acknowledgeScript = defineScript({
  name: "acknowledge",
  keys: [],
  args: ["entry"],
  lua: `${acknowledgeLua}
acknowledge(entry)`,
});
