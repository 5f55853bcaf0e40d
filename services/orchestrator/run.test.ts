import { expect, it } from 'vitest';
import { rootCall } from '../../common/rpc/call.ts';
import { anonymousUser } from '../../common/user-state.ts';
import { RequestContext } from '../../gen/millrace/type/v1/type.ts';
import { orchestratorSchema } from './config.ts';
import { RecentUsers } from './recent-users.ts';
import { CascadeRun, type Query, type World } from './run.ts';

it('what the user did stays excluded though another request gets a state that knows of it', () => {
  const config = orchestratorSchema.parse({});
  const recentUsers = new RecentUsers(config);
  const query: Query = {
    userId: 'ada',
    context: RequestContext.fromPartial({}),
    limit: 20,
    seeds: new Uint32Array(0),
    excluded: Uint32Array.of(3),
    recordsFeatures: false,
    earlierIds: [],
    lastingId: 'ada',
  };
  const world = { config, recentUsers } as World;
  const before = { ...anonymousUser, id: 'ada', offset: 90 };
  recentUsers.acted('ada', 7, 100);
  recentUsers.keep('ada', Uint8Array.of(1), before.offset);
  const run = new CascadeRun(query, world, {} as never, rootCall());
  run.noteActed(before);
  recentUsers.keep('ada', Uint8Array.of(2), 110);
  expect(recentUsers.actedSince('ada', before.offset)).toEqual([]);
  expect([...run.excluded(before)]).toEqual([3, 7]);
  recentUsers.acted('ada', 8, 120);
  expect([...run.excluded(before)]).toEqual([3, 7, 8]);
});
