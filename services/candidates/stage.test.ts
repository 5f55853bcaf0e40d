import { expect, test } from 'vitest';
import { MillraceError } from '../../common/errors.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { anonymousUser } from '../../common/user-state.ts';
import { makeTinyWorld } from '../../test/support/tiny-world.ts';
import type { Hits } from './hits.ts';
import type { Query } from './query.ts';
import type { Source } from './sources/source.ts';
import { type Retrieval, RetrieveStage } from './stage.ts';

const { catalogue } = makeTinyWorld({ users: 1, items: 20, seed: 1 });
const request: Retrieval = {
  user: { ...anonymousUser, positives: 50 },
  seeds: undefined,
  timeMs: 0,
  limit: 10,
  names: [],
  quality: 1,
};

function fixed(...items: number[]): Source {
  return {
    retrieve: (_query: Query, _quota: number, out: Hits) => {
      for (const [i, item] of items.entries()) out.push(item, 1 / (i + 1));
    },
  };
}

function stageOf(sources: Record<string, Source>): RetrieveStage {
  const open = Object.entries(sources).map(([name, source]) => ({
    name,
    personal: true,
    quota: 10,
    weight: 1,
    source,
  }));
  return new RetrieveStage(open, catalogue);
}

const failing: Source = {
  retrieve: () => {
    throw new MillraceError('CATALOGUE_LAGGING', 'behind');
  },
};
const outlier: Source = { retrieve: (_query, _quota, out) => out.push(1, Number.NaN) };

test('a source that throws or answers no number is left out and named', async () => {
  const { candidates, sources } = await stageOf({ failing, good: fixed(3, 4), outlier }).retrieve(
    request,
    rootCall(),
  );
  expect([...candidates.items]).toEqual([3, 4]);
  expect([...candidates.columns.keys()]).toEqual([
    'retrieval.rrf',
    'retrieval.good.rank',
    'retrieval.good.score',
  ]);
  expect(sources.map(({ name, count, error }) => [name, count, error])).toEqual([
    ['failing', 0, 'CATALOGUE_LAGGING'],
    ['good', 2, ''],
    ['outlier', 0, 'INTERNAL'],
  ]);
});

test('a source that answers too late costs its share of the time, and disturbs no later request', async () => {
  let first: Hits | undefined;
  const slow: Source = {
    retrieve: (_query, _quota, out) => {
      if (first === undefined) {
        first = out;
        return new Promise<void>(() => {});
      }
      out.push(5, 1);
      first.push(9, 1);
    },
  };
  const stage = stageOf({ slow, good: fixed(3, 4) });
  const { candidates, sources } = await stage.retrieve(request, rootCall({ timeoutMs: 100 }));
  expect([...candidates.items]).toEqual([3, 4]);
  expect(sources[0].error).toBe('DEADLINE_EXCEEDED');
  expect([...(await stage.retrieve(request, rootCall())).candidates.items]).toEqual([3, 5, 4]);
});

test('if all fail the call fails by the first one’s reason; if the call is over, by that', async () => {
  const stage = stageOf({ failing, outlier });
  await expect(stage.retrieve(request, rootCall())).rejects.toMatchObject({
    reason: 'CATALOGUE_LAGGING',
    message: expect.stringContaining('behind'),
  });
  await expect(
    stageOf({ good: fixed(1) }).retrieve(request, rootCall({ timeoutMs: -1 })),
  ).rejects.toMatchObject({
    reason: 'DEADLINE_EXCEEDED',
  });
});

test('deleted items never leave, whatever a source says', async () => {
  const { catalogue: changing } = makeTinyWorld({ users: 1, items: 20, seed: 1 });
  const source = { name: 's', personal: true, quota: 10, weight: 1, source: fixed(4, 5, 99) };
  const stage = new RetrieveStage([source], changing);
  changing.apply({ epoch: 21, ordinal: 4, delete: {} });
  expect([...(await stage.retrieve(request, rootCall())).candidates.items]).toEqual([5]);
});

test('requests that overlap do not disturb each other', async () => {
  const turns: (() => void)[] = [];
  const echo: Source = {
    retrieve: async (query, _quota, out) => {
      await new Promise<void>((resolve) => turns.push(resolve));
      for (const item of query.items) out.push(item, 1);
    },
  };
  const stage = stageOf({ echo });
  const answers = [1, 2, 3, 4].map((seed) =>
    stage.retrieve({ ...request, seeds: Uint32Array.of(seed) }, rootCall()),
  );
  await expect.poll(() => turns.length).toBe(4);
  for (const turn of turns.reverse()) turn();
  const items = (await Promise.all(answers)).map(({ candidates }) => [...candidates.items]);
  expect(items).toEqual([[1], [2], [3], [4]]);
});

test('a name that is no open source is refused', async () => {
  const stage = stageOf({ good: fixed(1) });
  await expect(stage.retrieve({ ...request, names: ['good', 'bad'] }, rootCall())).rejects.toMatchObject({
    reason: 'SOURCE_UNKNOWN',
    violations: [{ field: 'sources[1]' }],
  });
});
