import type { ConfigSource } from '../../../common/config.ts';
import { asMillraceError, MillraceError } from '../../../common/errors.ts';
import { type BanditLog, roundsOf, sliceRounds } from '../../../common/ope/bandit-log.ts';
import { valuePolicy } from '../../../common/ope/policy-value.ts';
import { fitArmMeans } from '../../../common/ope/reward-model.ts';
import { policyNamed } from '../../../common/ope/target-policy.ts';
import { openTrainingSource } from '../../training/dataset/source.ts';
import type { SourceName } from '../../training/dataset/source-names.ts';
import type { Progress } from '../../training/progress.ts';
import { DRAWS, DrawCollector, type DrawName, type RewardName } from './logged-draws.ts';
import type { NamedValuation } from './report.ts';

export interface OwnLogOptions {
  readonly from: SourceName;
  readonly policies: readonly string[];
  readonly reward: RewardName;
  /** How long after a list was shown its feedback counts. */
  readonly windowMs: number;
  readonly progress: Progress;
}

/** One kind of draw of the log with what the policies would have earned in its place. */
export interface OwnLogValuation {
  readonly draws: DrawName;
  /** Rounds that policies learnt from, and those that they were valued on. */
  readonly learnt: number;
  readonly valued: number;
  /** Draws left out: not shown, or too early to say. */
  readonly unknown: number;
  /** The logging policy's own mean reward in the rounds valued. */
  readonly mean: number;
  readonly valuations: readonly NamedValuation[];
  /** By policy: why the log cannot value it. */
  readonly refused: readonly { readonly policy: string; readonly why: string }[];
}

/**
 * Values policies on what exploration drew in this installation's log. What an arm is worth is learnt from the first half of the
 * draws, and policies that follow it are valued on the second half, so that none is valued by the luck that it was chosen for.
 * NO_OVERLAP if the log has no draw.
 */
export async function valueOwnLog(
  config: ConfigSource,
  { from, policies, reward, windowMs, progress }: OwnLogOptions,
): Promise<OwnLogValuation[]> {
  const collector = new DrawCollector();
  await using events = await openTrainingSource(config, from);
  const data = await events.read();
  const { columns } = await events.readImpressions(data, windowMs, (decision) => collector.add(decision));
  const found = DRAWS.map((draws) => ({ draws, ...collector.join(draws, columns, reward) })).filter(
    ({ log }) => roundsOf(log) > 1,
  );
  if (found.length === 0)
    throw new MillraceError(
      'NO_OVERLAP',
      `${config.home}: the log has no draw whose outcome is known; reranking.exploration turns exploration on`,
    );
  let done = 0;
  const total = found.length * policies.length;
  return found.map(({ draws, log, unknown }) => ({
    draws,
    unknown,
    ...valuedBy(log, policies, () => progress('valuing policies', ++done, total)),
  }));
}

function valuedBy(
  log: BanditLog,
  policies: readonly string[],
  onDone: () => void,
): Omit<OwnLogValuation, 'draws' | 'unknown'> {
  const rounds = roundsOf(log);
  const half = rounds >> 1;
  const worth = fitArmMeans(log, (round) => round < half);
  const later = sliceRounds(log, half, rounds);
  const valuations: NamedValuation[] = [];
  const refused: { policy: string; why: string }[] = [];
  for (const policy of policies) {
    const target = policyNamed(policy, worth)(later);
    try {
      valuations.push({ policy, valuation: valuePolicy(later, target) });
    } catch (thrown) {
      const { reason, message } = asMillraceError(thrown);
      if (reason !== 'NO_OVERLAP') throw thrown;
      refused.push({ policy, why: message });
    }
    onDone();
  }
  const mean = later.rewards.reduce((sum, value) => sum + value, 0) / roundsOf(later);
  return { learnt: half, valued: roundsOf(later), mean, valuations, refused };
}
