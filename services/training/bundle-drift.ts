import type { Bundle } from '../../common/bundle/store.ts';
import { schemaOfBundle } from '../../common/features/schema.ts';
import type { LoggedEvent } from '../../common/log/events.ts';
import { ChurnSummary } from '../../common/stability/churn-summary.ts';
import { type Distance, drift } from '../../common/stability/score-regularisation.ts';
import { decidingPart } from './champion.ts';
import { shownListOf } from './dataset/impressions.ts';
import { CUT_OFF, scored } from './merit.ts';
import { type Replayed, recordedRows, rowsOfLists, type ShownItems } from './shown-rows.ts';

/** How far the scores that one bundle's slates are chosen by are from those of another. */
export interface BundleDrift {
  /** Mean distance of the probabilities. */
  readonly drift: number;
  /** 1 − overlap of the best ten. */
  readonly churn: number;
  /** What it was measured on. */
  readonly over: string;
}

/** The items of one decision, those shown and the sample of the others, with what ranking was fed for them. */
export interface DecidedItems extends Omit<ShownItems, 'items'> {
  readonly itemIds: readonly string[];
}

/** The latest `count` decisions among the events that recorded features. */
export async function latestDecisions(
  events: AsyncIterable<LoggedEvent>,
  count: number,
): Promise<DecidedItems[]> {
  const latest: DecidedItems[] = [];
  for await (const { event } of events) {
    const { decision, timeMs } = event;
    if (decision === undefined || decision.featureSchema === '') continue;
    const items = [...decision.shown, ...decision.sample].filter(({ features }) => features.length > 0);
    if (items.length === 0) continue;
    latest.push({
      shown: shownListOf({ ...decision, shown: items }, timeMs),
      positions: [...items.keys()],
      itemIds: items.map(({ itemId }) => itemId),
    });
    if (latest.length > 2 * count) latest.splice(0, latest.length - count);
  }
  return latest.slice(-count);
}

/**
 * Scores the same decisions with both bundles, each with its own features: as recorded where they are the bundle's, else made from the
 * scores that were recorded and the log replayed to their moments, for which `replayed` is asked.
 */
export async function driftOnDecisions(
  bundles: { readonly candidate: Bundle; readonly champion: Bundle },
  decisions: readonly DecidedItems[],
  distance: Distance,
  replayed: () => Promise<Replayed>,
): Promise<BundleDrift> {
  const student = await scoresOf(bundles.candidate, decisions, replayed);
  const teacher = await scoresOf(bundles.champion, decisions, replayed);
  const churn = new ChurnSummary(CUT_OFF);
  let start = 0;
  for (const { positions } of decisions) {
    const end = start + positions.length;
    churn.add(student.subarray(start, end), teacher.subarray(start, end));
    start = end;
  }
  return {
    drift: drift(student, teacher, distance),
    churn: 1 - churn.means().overlap,
    over: `${decisions.length} logged requests`,
  };
}

/** The scores of all items of the decisions, one after the other. */
async function scoresOf(
  bundle: Bundle,
  decisions: readonly DecidedItems[],
  replayed: () => Promise<Replayed>,
): Promise<Float32Array> {
  const schema = await schemaOfBundle(bundle);
  const { width } = schema;
  const recorded = decisions.map((decided) => recordedRows(decided, schema));
  const whole = recorded.every((rows) => rows !== undefined);
  const parts = whole ? recorded : await madeRows(decisions, schema, await replayed());
  const rows = decisions.reduce((sum, { positions }) => sum + positions.length, 0);
  const features = new Float32Array(rows * width);
  let at = 0;
  for (const part of parts) {
    features.set(part as Float32Array, at);
    at += (part as Float32Array).length;
  }
  return scored(await bundle.read(decidingPart(bundle)), { rows, width, features });
}

async function madeRows(
  decisions: readonly DecidedItems[],
  schema: Awaited<ReturnType<typeof schemaOfBundle>>,
  replayed: Replayed,
): Promise<Float32Array[]> {
  const { catalogue } = replayed.data;
  const lists = decisions.map(({ itemIds, ...decided }) => ({
    ...decided,
    items: itemIds.map((id) => catalogue.ordinalEver(id) ?? catalogue.size),
  }));
  const made: Float32Array[] = [];
  for (const { index, rows } of rowsOfLists(lists, schema, replayed)) made[index] = rows;
  return made;
}
