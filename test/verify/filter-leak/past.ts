import { ConfigSource } from '../../../common/config.ts';
import { filteringSchema } from '../../../common/filters/config.ts';
import { mix32 } from '../../../common/random.ts';
import { createLogger } from '../../../common/telemetry/log.ts';
import type { UserLimits } from '../../../common/users/user-record.ts';
import { Feedback } from '../../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { backfilled } from '../../../services/features/backfill.ts';
import { featuresSchema, userLimits } from '../../../services/features/config.ts';
import { replaceStore } from '../../../services/features/stores/open.ts';
import { readEvents } from '../../support/logged-events.ts';

const DAY_MS = 86_400_000;

/** Who has seen what: most of the popular quarter of the catalogue, a little of the rest. Kept as a rule, not as a list. */
export class Past {
  readonly users: number;
  readonly items: number;
  readonly #popular: number;
  readonly #often: number;
  readonly #seldom: number;

  /** Of the popular quarter `often` are seen, of the others `seldom`, both in [0, 1]. */
  constructor(size: { users: number; items: number; often: number; seldom: number }) {
    this.users = size.users;
    this.items = size.items;
    this.#popular = size.items / 4;
    this.#often = size.often * 2 ** 32;
    this.#seldom = size.seldom * 2 ** 32;
  }

  has(user: number, item: number): boolean {
    const draw = mix32(mix32(user + 0x5eed) ^ item);
    return draw < (item < this.#popular ? this.#often : this.#seldom);
  }

  /** The same by ids as `user-7`, `item-12`. */
  hasIds(userId: string, itemId: string): boolean {
    return this.has(numberIn(userId), numberIn(itemId));
  }

  /** Folds the log, then all pairs, into the configured store, popular items first; answers how many pairs there are. */
  async store(home: string, env: Readonly<Record<string, string>>): Promise<number> {
    const config = new ConfigSource({ MILLRACE_HOME: home, ...env });
    const features = config.section('features', featuresSchema);
    const limits: UserLimits = userLimits(features, config.section('filtering', filteringSchema));
    const fold = await backfilled(readEvents(`${home}/log`), limits, Number.POSITIVE_INFINITY);
    const ids = Array.from({ length: this.items }, (_, item) => `item-${item}`);
    const timeMs = Date.now() - DAY_MS;
    const view = Feedback.fromPartial({ action: Action.ACTION_VIEW });
    let pairs = 0;
    for (let user = 0; user < this.users; user++) {
      const userId = `user-${user}`;
      for (let item = 0; item < this.items; item++) {
        if (!this.has(user, item)) continue;
        fold.users.feedback({ ...view, userId, itemId: ids[item] }, timeMs);
        pairs++;
      }
    }
    await replaceStore(features, { home, limits, log: createLogger('filter-leak') }, fold);
    return pairs;
  }
}

function numberIn(id: string): number {
  return Number(id.slice(id.indexOf('-') + 1));
}
