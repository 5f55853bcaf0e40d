import { fieldError } from '../../../common/errors.ts';
import { type BanditLog, checkBanditLog } from '../../../common/ope/bandit-log.ts';
import type { Decision } from '../../../gen/millrace/logging/v1/logging.ts';
import type { Exploration } from '../../../gen/millrace/type/v1/type.ts';
import type { ImpressionColumns } from '../../training/dataset/impressions.ts';
import { IdTable } from '../../training/import/id-table.ts';

/** What a draw is rewarded for: a click, any positive action, or minutes watched. */
export const REWARDS = ['click', 'taken', 'watch'] as const;
export type RewardName = (typeof REWARDS)[number];

/** What was drawn: the item of a slot, or the policy of a whole slate. */
export const DRAWS = ['slots', 'slates'] as const;
export type DrawName = (typeof DRAWS)[number];

/** The rounds of one kind of draw. */
export interface LoggedDraws {
  readonly log: BanditLog;
  /** Draws whose slot was not shown, or whose time for feedback is not over: left out. */
  readonly unknown: number;
}

/** The name under which a slot is recorded that is random only because the slate's policy is: no draw of its own. */
const FOLLOWS_SLATE = 'slate';
const SECONDS_A_MINUTE = 60;

/** Gathers the draws of decision records, then joins them with what came of what was shown. */
export class DrawCollector {
  readonly #draws: { readonly decision: number; readonly exploration: Exploration }[] = [];
  #decisions = 0;

  /** Takes the decisions in the order in which `impressions` number them. */
  add({ exploration }: Decision): void {
    const decision = this.#decisions++;
    for (const draw of exploration)
      if (draw.bandit !== FOLLOWS_SLATE) this.#draws.push({ decision, exploration: draw });
  }

  /**
   * The rounds of all draws of that kind, in order of the log. A slot's reward is that of its item, a slate's the sum over its items.
   * FIELD_INVALID where recorded probabilities are none.
   */
  join(kind: DrawName, impressions: ImpressionColumns, reward: RewardName): LoggedDraws {
    const rewards = rewardsOf(impressions, reward);
    const rounds = this.#draws.flatMap(({ decision, exploration }) => {
      if ((exploration.slot === undefined) !== (kind === 'slates')) return [];
      return [{ exploration, reward: rewards(decision, exploration.slot) }];
    });
    const known = rounds.filter((round) => round.reward !== undefined);
    const log = banditLogOf(known.map(({ exploration, reward }) => ({ exploration, reward: reward ?? 0 })));
    checkBanditLog(log);
    return { log, unknown: rounds.length - known.length };
  }
}

/** What came of a decision's slot, or of all its slots; undefined where it was not shown or it is too early to say. */
function rewardsOf(
  { decision, position, clicked, taken, watchSeconds }: ImpressionColumns,
  reward: RewardName,
): (of: number, slot: number | undefined) => number | undefined {
  const firstOf = new Map<number, number>();
  decision.forEach((number, row) => {
    if (!firstOf.has(number)) firstOf.set(number, row);
  });
  const valueAt = (row: number): number => {
    if (reward === 'click') return clicked[row];
    if (reward === 'taken') return taken[row];
    return Number.isNaN(watchSeconds[row]) ? 0 : watchSeconds[row] / SECONDS_A_MINUTE;
  };
  return (of, slot) => {
    let sum: number | undefined;
    for (let row = firstOf.get(of) ?? decision.length; decision[row] === of; row++)
      if (slot === undefined || position[row] === slot) sum = (sum ?? 0) + valueAt(row);
    return sum;
  };
}

function banditLogOf(
  rounds: readonly { readonly exploration: Exploration; readonly reward: number }[],
): BanditLog {
  const table = new IdTable();
  const offsets = new Uint32Array(rounds.length + 1);
  rounds.forEach(({ exploration: { arms, chosen } }, round) => {
    if (chosen >= arms.length) throw fieldError(`rounds[${round}]`, 'the arm drawn is none of its arms');
    offsets[round + 1] = offsets[round] + arms.length;
  });
  const arms = new Uint32Array(offsets[rounds.length]);
  const logged = new Float64Array(arms.length);
  let entry = 0;
  for (const { exploration } of rounds) {
    let sum = 0;
    for (const { probability } of exploration.arms) sum += probability;
    for (const { arm, probability } of exploration.arms) {
      arms[entry] = table.intern(arm);
      // Probabilities are logged as float32: what rounding took from the sum is given back in proportion.
      logged[entry++] = Math.abs(sum - 1) < FLOAT32_SUM_ERROR ? probability / sum : probability;
    }
  }
  return {
    offsets,
    armCount: table.ids.length,
    arms,
    logged,
    taken: Uint32Array.from(rounds, ({ exploration: { chosen } }, round) => offsets[round] + chosen),
    rewards: Float64Array.from(rounds, ({ reward }) => reward),
  };
}

const FLOAT32_SUM_ERROR = 1e-4;
