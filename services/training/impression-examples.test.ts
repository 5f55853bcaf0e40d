import { describe, expect, it } from 'vitest';
import { bytesOf, f32Of } from '../../common/columns.ts';
import { featureSchema } from '../../common/features/schema.ts';
import { filteringSchema } from '../../common/filters/config.ts';
import { Random } from '../../common/random.ts';
import type { UserLimits } from '../../common/users/user-record.ts';
import { Event } from '../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { logOf } from '../../test/support/tiny-log.ts';
import { rankedSources, trainSchema } from './config.ts';
import { joinImpressions } from './dataset/impressions.ts';
import { impressionExamples } from './impression-examples.ts';
import { PairSet } from './positives.ts';
import { trainRanker } from './ranker.ts';

const LIMITS: UserLimits = {
  historyMax: 100,
  seenExactMax: 100,
  bloomEngine: 'typed',
  falsePositiveRate: 0.01,
  sessionGapMs: 1_800_000,
  seenSeconds: filteringSchema.parse({}).seen,
  impressionsMax: 0,
};
const ITEMS = 40;
const data = logOf(
  [
    [0, 3, Action.ACTION_VIEW],
    [1, 3, Action.ACTION_CLICK],
    [0, 4, Action.ACTION_IMPRESSION],
    [0, 2, Action.ACTION_VIEW],
  ],
  ITEMS,
);

/** A list shown to u0, with iALS's score of each item; a negative one was not retrieved by it. */
function shown(
  request: number,
  items: [item: number, score: number][],
  propensities: number[] = [],
  featureSchema = '',
): Event {
  const scoresOf = (score: number, slot: number): Record<string, number> => ({
    'retrieval.rrf': 0.1,
    ...(score < 0 ? {} : { 'retrieval.ials.rank': slot + 1, 'retrieval.ials.score': score }),
  });
  const decision = {
    requestId: `r${request}`,
    userId: 'u0',
    userOffset: 3,
    shown: items.map(([item, score], slot) => ({
      itemId: String(item),
      propensity: propensities[slot] ?? 1,
      scores: scoresOf(score, slot),
      features: featureSchema === '' ? Buffer.alloc(0) : servedRow(slot),
    })),
    featureSchema,
    sample: [{ itemId: '39', propensity: 0, scores: { 'retrieval.ials.score': 4 } }],
  };
  return Event.fromPartial({ timeMs: request, decision });
}

/** What the ranker was fed in a slot. */
function servedRow(slot: number): Buffer {
  return bytesOf(
    Float32Array.from({ length: schema.width }, (_, i) => (i === 3 ? Number.NaN : slot + i / 7)),
  );
}

function clicked(request: number, item: number): Event {
  const feedback = {
    userId: 'u0',
    itemId: String(item),
    action: Action.ACTION_CLICK,
    requestId: `r${request}`,
  };
  return Event.fromPartial({ timeMs: request + 0.5, feedback });
}

async function examplesOf(events: Event[], impressions: object, testPairs = new PairSet(ITEMS)) {
  const config = trainSchema.parse({ ranker: { examples: 'impressions', impressions, model: 'logistic' } });
  const log = events.map((event, offset) => ({ offset, event }));
  log.push({ offset: events.length, event: Event.fromPartial({ timeMs: 1e6, feedback: { itemId: '1' } }) });
  const joined = await joinImpressions(log, data.catalogue, 10);
  const training = { data, config, limits: LIMITS, progress: () => {} };
  return { config, examples: impressionExamples(training, { testPairs }, joined, schema) };
}

const schema = featureSchema(rankedSources(trainSchema.parse({})));
const column = (name: string): number => schema.columns.indexOf(name);

describe('impressionExamples', () => {
  const events = [
    shown(1, [
      [7, 1],
      [8, -1],
      [9, 2],
    ]),
    clicked(1, 9),
  ];

  it('describes what was shown as the moment in the log had it', async () => {
    const { examples } = await examplesOf(events, {});
    const { train, positionBias } = examples;
    expect([Array.from(train.labels), Array.from(train.groups)]).toEqual([
      [0, 0, 1],
      [0, 3],
    ]);
    expect(Array.from(positionBias?.positions ?? [])).toEqual([0, 1, 2]);
    const value = (row: number, name: string) => train.features[row * schema.width + column(name)];
    expect(value(2, 'retrieval.ials.log_rank')).toBeCloseTo(Math.log1p(3), 6);
    expect(value(2, 'retrieval.ials.score_share')).toBeCloseTo(2 / 4, 6);
    expect(value(1, 'retrieval.ials.score')).toBeNaN();
    expect(value(0, 'user.positives')).toBeCloseTo(Math.log1p(1), 6);
  });

  it('takes what the ranker was fed where it was recorded by the same schema', async () => {
    const list: [number, number][] = [
      [7, 1],
      [9, 2],
    ];
    const { examples } = await examplesOf(
      [shown(1, list, [], schema.hash), clicked(1, 9), shown(2, list, [], 'another schema'), clicked(2, 7)],
      {},
    );
    const { width } = schema;
    const { features } = examples.train;
    expect([...features.subarray(0, 2 * width)]).toEqual([...f32Of(servedRow(0)), ...f32Of(servedRow(1))]);
    expect(features[2 * width + column('retrieval.ials.log_rank')]).toBeCloseTo(Math.log1p(1), 6);
  });

  it('leaves test pairs and lists without retrieval out', async () => {
    const fallback = Event.fromPartial({
      timeMs: 2,
      decision: { requestId: 'f', userId: 'u0', shown: [{ itemId: '5', propensity: 1 }] },
    });
    const never = PairSet.of([{ user: 0, item: 9 }], ITEMS);
    const { examples } = await examplesOf([...events, fallback], {}, never);
    expect(Array.from(examples.train.labels)).toEqual([0, 0]);
  });

  it('refuses propensities that the log does not tell', async () => {
    await expect(examplesOf(events, { positionBias: 'propensity' })).rejects.toThrow(
      'the log has 0 clicks in shuffled slots',
    );
  });

  it('knows propensities from shuffled lists, which the ranker learns and validates with', async () => {
    const EXAMINED = [1, 0.6, 0.3];
    const random = new Random(3);
    const log: Event[] = [];
    for (let request = 1; request < 3_000; request++) {
      const isShuffled = request % 3 === 0;
      const list = [10, 11, 12].map((item): [number, number] => [item + random.int(20), 3 * random.next()]);
      if (!isShuffled) list.sort((a, b) => b[1] - a[1]);
      if (new Set(list.map(([item]) => item)).size < list.length) continue;
      log.push(shown(request, list, isShuffled ? [1 / 3, 1 / 2, 1] : []));
      list.forEach(([item, score], slot) => {
        if (random.next() < EXAMINED[slot] * (0.2 + 0.1 * score)) log.push(clicked(request, item));
      });
    }
    const { examples, config } = await examplesOf(log, { positionBias: 'propensity' });
    const propensities = Array.from(examples.positionBias?.propensities ?? []);
    EXAMINED.forEach((truth, slot) => {
      expect(Math.abs(propensities[slot] - truth)).toBeLessThan(0.1);
    });
    const gains = new Set(examples.validation.gains);
    expect(gains).toEqual(new Set(propensities.map((propensity) => Math.fround(1 / propensity))));
    const { validation } = await trainRanker(examples, config, { skipped: 'none' }, () => {});
    expect(validation.logistic).toBeGreaterThan(0.5);
  });
});
