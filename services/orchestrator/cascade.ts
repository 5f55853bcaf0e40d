import type { Call } from '../../common/rpc/call.ts';
import { CascadeRun, type Peers, type Query, type Slate, type World } from './run.ts';
import { choose } from './steps/choose.ts';
import { filter } from './steps/filter.ts';
import { guard } from './steps/guard.ts';
import { hydrate } from './steps/hydrate.ts';
import { rank } from './steps/rank.ts';
import { refill } from './steps/refill.ts';
import { retrieve } from './steps/retrieve.ts';

/**
 * The flow of one request. Each step calls one stage within its share of the deadline and has its own answer to the stage's
 * failure; what went wrong is in the run's statuses.
 */
export async function cascade(query: Query, world: World, peers: Peers, call: Call): Promise<Slate> {
  const run = new CascadeRun(query, world, peers, call);
  const user = await hydrate(run);
  const first = await retrieve(run, user);
  const { retrieved, kept } = await refill(run, user, {
    retrieved: first,
    kept: await filter(run, user, first),
  });
  const ranked = await rank(run, user, kept);
  const choice = await choose(run, user, ranked);
  return guard(run, user, retrieved, ranked, choice);
}
