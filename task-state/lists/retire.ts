import type { Owner } from "../record/record.ts";
import { keys } from "../redis/keys.ts";
import { defineScript } from "../redis/script.ts";
import { writeCheck } from "../redis/write-check.ts";
import type { TaskStateContext } from "../task/context.ts";

/*
 * keys   users, orderedUsers, ownerSet, orderedOwnerSet
 * args   user
 * reply  1 removed · 0 the user still has tasks, or was not listed
 */
const retireScript = defineScript({
  name: "retire",
  keys: ["users", "orderedUsers", "ownerSet", "orderedOwnerSet"],
  args: ["user"],
  lua: `${writeCheck}
if redis.call('SCARD', ownerSet) > 0 or redis.call('ZCARD', orderedOwnerSet) > 0 then return 0 end
check_writes({ { 'SREM', users }, { 'ZREM', orderedUsers } })
return math.max(redis.call('SREM', users, user), redis.call('ZREM', orderedUsers, user))`,
});

/** Removes a user without tasks from the users of the service. @returns 1 when the user was listed */
export async function retire({ primary }: TaskStateContext, owner: Owner): Promise<number> {
  const [users, ownerSet] = [keys.users(owner.service), keys.owner(owner)];
  const reply = await retireScript(
    primary,
    { users, ownerSet, orderedUsers: keys.ordered(users), orderedOwnerSet: keys.ordered(ownerSet) },
    { user: owner.user },
  );
  return Number(reply);
}
