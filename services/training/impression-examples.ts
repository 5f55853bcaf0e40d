import { Columns } from '../../common/columns.ts';
import { MillraceError } from '../../common/errors.ts';
import type { FeatureSchema } from '../../common/features/schema.ts';
import { positionPropensities, shuffledRuns } from '../../common/models/position-bias.ts';
import type { TrainConfig } from './config.ts';
import type { LogData } from './dataset/from-log.ts';
import type { Impressions } from './dataset/impressions.ts';
import { ExampleBuffer } from './examples.ts';
import type { Holdout } from './holdout.ts';
import type { Outcome } from './outcomes.ts';
import type { PairSet } from './positives.ts';
import type { RankerExamples } from './ranker-examples.ts';
import { rowsOfLists, type ShownItems } from './shown-rows.ts';
import type { Configured } from './training.ts';

/** Clicks in shuffled slots without which propensities are noise. */
const SHUFFLED_CLICKS_MIN = 50;
/** The latest lists, of which those with a positive validate and none trains. */
const LATE_SHARE = 0.2;

/** The impressions of one decision. */
interface List extends ShownItems {
  readonly items: number[];
  readonly positions: number[];
  readonly labels: number[];
  readonly outcomes: Outcome[];
}

/**
 * Examples from what was shown, a list a group, earliest first: the features that the ranker was fed, as the decision recorded them;
 * where it did not, or by another schema, made from the scores that it recorded, with the state and the item counters of its moment
 * in the log. Labels by what came of it. Pairs held out for the test are left out, and lists that recorded no retrieval
 * (fallbacks). CONFIG_INVALID where the log holds too few shuffled impressions for the propensities that are asked for.
 */
export function impressionExamples(
  { data, config, limits, progress }: Pick<Configured, 'data' | 'config' | 'limits' | 'progress'>,
  { testPairs }: Pick<Holdout, 'testPairs'>,
  impressions: Impressions,
  schema: FeatureSchema,
): RankerExamples {
  const { positionBias } = config.ranker.impressions;
  const propensities = positionBias === 'propensity' ? propensitiesOf(impressions, config) : undefined;
  const lists = listsOf(impressions, data, testPairs, config);
  const lateFrom = Math.ceil(lists.length * (1 - LATE_SHARE));
  const train = new ExampleBuffer(schema.width);
  const validation = new ExampleBuffer(schema.width);
  const trainPositions: number[] = [];
  const validationPositions: number[] = [];
  let done = 0;
  for (const { index, rows } of rowsOfLists(lists, schema, { data, never: testPairs, limits })) {
    progress('replaying the impressions', ++done, lists.length);
    const { labels, positions, outcomes } = lists[index];
    const late = index >= lateFrom;
    const validates = validation.groupCount < config.ranker.validationMax && labels.includes(1);
    if (late && !validates) continue;
    const part = late ? validation : train;
    for (const [row, label] of labels.entries()) part.push(rows, row, label, 1, outcomes[row]);
    part.endGroup();
    (late ? validationPositions : trainPositions).push(...positions);
  }
  const positions = Uint32Array.from(trainPositions);
  return {
    schema,
    train: train.finish(),
    validation: {
      ...validation.finish(),
      ...(propensities && {
        gains: Float32Array.from(validationPositions, (slot) => 1 / propensities[slot]),
      }),
    },
    ...(positionBias !== 'none' && { positionBias: { positions, ...(propensities && { propensities }) } }),
  };
}

/** By the time of the decisions. */
function listsOf(
  { decisions, columns }: Impressions,
  data: LogData,
  testPairs: PairSet,
  { ranker }: TrainConfig,
): List[] {
  const userOf = new Map(data.users.map((id, user) => [id, user]));
  const outcome = ranker.impressions.label === 'click' ? columns.clicked : columns.taken;
  const lists = new Map<number, List>();
  for (let row = 0; row < columns.item.length; row++) {
    const shown = decisions[columns.decision[row]];
    if (!shown.scores.has(Columns.rrf)) continue;
    const user = userOf.get(shown.userId);
    if (user !== undefined && testPairs.has(user, columns.item[row])) continue;
    const list = lists.get(columns.decision[row]) ?? {
      shown,
      items: [],
      positions: [],
      labels: [],
      outcomes: [],
    };
    list.items.push(columns.item[row]);
    list.positions.push(columns.position[row]);
    list.labels.push(outcome[row]);
    list.outcomes.push({ watch: columns.watchSeconds[row], rating: columns.rating[row] });
    lists.set(columns.decision[row], list);
  }
  return [...lists.values()].sort((a, b) => a.shown.timeMs - b.shown.timeMs);
}

/** P(examined) by slot from the lists' own shuffles, at least the configured least; an unknown slot is as the one before it. */
function propensitiesOf({ decisions, columns }: Impressions, { ranker }: TrainConfig): Float64Array {
  const stratumOf = new Map<string, number>();
  const runs = decisions.map(({ propensities }) => shuffledRuns(propensities));
  const rows = { positions: [] as number[], clicks: [] as number[], strata: [] as number[] };
  let slots = 0;
  for (let row = 0; row < columns.item.length; row++) {
    const slot = columns.position[row];
    slots = Math.max(slots, slot + 1);
    const run = runs[columns.decision[row]].find(([start, end]) => slot >= start && slot < end);
    if (run === undefined) continue;
    const stratum = stratumOf.get(run.join()) ?? stratumOf.size;
    stratumOf.set(run.join(), stratum);
    rows.positions.push(slot);
    rows.clicks.push(columns.clicked[row]);
    rows.strata.push(stratum);
  }
  const clicks = rows.clicks.reduce((sum, click) => sum + click, 0);
  const known = positionPropensities({
    positions: Uint32Array.from(rows.positions),
    clicks: Uint8Array.from(rows.clicks),
    strata: Uint32Array.from(rows.strata),
  });
  if (clicks < SHUFFLED_CLICKS_MIN || !(known[1] > 0)) {
    throw new MillraceError(
      'CONFIG_INVALID',
      `train.ranker.impressions.positionBias: the log has ${clicks} clicks in shuffled slots, too few for propensities; use tower`,
    );
  }
  const least = ranker.impressions.propensityMin;
  const propensities = new Float64Array(slots).fill(1);
  for (let slot = 1; slot < slots; slot++) {
    const value = known[slot] ?? Number.NaN;
    propensities[slot] = Number.isNaN(value) ? propensities[slot - 1] : Math.max(least, value);
  }
  return propensities;
}
