import { join } from 'node:path';
import { systemClock } from '../../../common/clock.ts';
import type { ConfigSource } from '../../../common/config.ts';
import { asMillraceError } from '../../../common/errors.ts';
import { lakeConfig } from '../../../common/lake/config.ts';
import { openLake } from '../../../common/lake/lake.ts';
import { ExactNoise } from '../../../common/privacy/exact-noise.ts';
import type { Call } from '../../../common/rpc/call.ts';
import type { PrivacyService } from '../../../common/rpc/services.ts';
import { metrics } from '../../../common/telemetry/metrics.ts';
import type {
  QueryPrivateRequest,
  QueryPrivateResponse,
  WindowBudget,
} from '../../../gen/millrace/logging/v1/logging.ts';
import { grantOf, type PrivacyConfig, privacySchema } from './config.ts';
import { Ledger } from './ledger.ts';
import type { Charge } from './ledger-file.ts';
import { planOf } from './plan.ts';
import { checkedQuery, dayOf, type PrivateQuery, windowOf, windowsOf } from './query.ts';
import { type GroupTotals, totalsOf } from './totals.ts';

/** Whose budget it is where no tokens are configured. */
const ANYONE = 'anyone';

/**
 * Private answers over the lake. Per query: check, look whether the budget has it, make exact totals, charge durably, draw noise. Totals
 * are made one query at a time, on DuckDB's threads, so that appends go on beside them.
 */
export class PrivateAnswers implements PrivacyService {
  readonly #source: ConfigSource;
  readonly #config: PrivacyConfig;
  readonly #noise = new ExactNoise();
  #ledger: Promise<Ledger> | undefined;
  /** Of the ledger that this process owned last; 0: none. */
  #epoch = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(source: ConfigSource) {
    this.#source = source;
    this.#config = source.section('privacy', privacySchema);
  }

  queryPrivate = async (request: QueryPrivateRequest, call: Call): Promise<QueryPrivateResponse> => {
    try {
      const answer = await this.#answer(request, call);
      metrics.privacyQueriesTotal.inc({ outcome: 'OK' });
      return answer;
    } catch (thrown) {
      metrics.privacyQueriesTotal.inc({ outcome: asMillraceError(thrown).reason });
      throw thrown;
    }
  };

  getBudget = async (_: object, call: Call) => {
    const analyst = call.caller?.name ?? ANYONE;
    const ledger = await this.#owned();
    return { analyst, windows: this.#budgets(ledger, analyst) };
  };

  async close(): Promise<void> {
    await this.#turn.catch(() => {});
    await this.#ledger?.then((ledger) => ledger.close()).catch(() => {});
  }

  async #answer(request: QueryPrivateRequest, call: Call): Promise<QueryPrivateResponse> {
    const query = checkedQuery(request);
    const plan = planOf(query);
    const analyst = call.caller?.name ?? ANYONE;
    const charge = { analyst, windows: windowsOf(query), loss: plan.loss, query: described(query) };
    const granted = grantOf(this.#config, analyst);
    const ledger = await this.#owned();
    const totals = await this.#inTurn(async () => {
      ledger.check(charge, granted);
      await using lake = await openLake({ ...lakeConfig(this.#source), engine: 'duckdb' });
      const exact = await totalsOf(lake, query, plan.amounts, call);
      await ledger.charge(charge, granted);
      return exact;
    });
    this.#report(ledger, charge);
    const groups = plan.release(totals, this.#noise);
    const budgets = this.#budgets(ledger, analyst).filter(({ window }) => charge.windows.includes(window));
    return { groups, budgets };
  }

  #inTurn(work: () => Promise<Map<string, GroupTotals>>): Promise<Map<string, GroupTotals>> {
    const done = this.#turn.then(work, work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** The ledger, owned by this process; tried again at the next call where another one has it. */
  #owned(): Promise<Ledger> {
    const before = this.#ledger ?? Promise.resolve(undefined);
    this.#ledger = before
      .catch(() => undefined)
      .then(async (held) => {
        if (held?.isOwner === true) return held;
        await held?.close();
        const ledger = await Ledger.open(join(this.#source.home, 'privacy'), { after: this.#epoch });
        this.#epoch = ledger.epoch;
        return ledger;
      });
    return this.#ledger;
  }

  #budgets(ledger: Ledger, analyst: string): WindowBudget[] {
    const { epsilon, delta } = grantOf(this.#config, analyst);
    const now = windowOf(dayOf(systemClock.nowMs()));
    const spent = ledger.spent(analyst, delta);
    if (!spent.some(({ window }) => window === now))
      spent.push({ window: now, epsilon: 0, delta: 0, queries: 0 });
    return spent.map(({ window, queries, ...lost }) => ({
      window,
      epsilon,
      delta,
      epsilonSpent: lost.epsilon,
      deltaSpent: lost.delta,
      queries,
    }));
  }

  #report(ledger: Ledger, { analyst, windows }: Charge): void {
    const { delta } = grantOf(this.#config, analyst);
    for (const { window, epsilon } of ledger.spent(analyst, delta))
      if (windows.includes(window)) metrics.privacyEpsilonSpent.set({ analyst, window }, epsilon);
  }
}

function described({ statistic, groupBy, from, until, epsilon, delta, kind }: PrivateQuery): string {
  return `${statistic} by ${groupBy}, ${from} to ${until}, epsilon ${epsilon}, delta ${delta}, ${kind}`;
}
