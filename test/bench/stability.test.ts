import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rankHeldOut } from '../../common/models/held-out.ts';
import { type InteractionMatrix, interactionMatrix } from '../../common/models/interactions.ts';
import { Random } from '../../common/random.ts';
import { overlapAtK } from '../../common/stability/churn.ts';
import { UsageError } from './bench.ts';
import { fitHistoryRanker, type HistoryRanker, type HistoryRankerOptions } from './history-ranker.ts';
import { readSequences, shareOfRows } from './sequences.ts';
import { stabilityBench } from './stability.ts';

const USERS = 90;
const ITEMS = 60;
const TASTES = 3;
const EVENTS = 20;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stability-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** People of three tastes, mostly true to it: [user, item, time], times in no order. */
function events(): [number, number, number][] {
  const random = new Random(8);
  const rows: [number, number, number][] = [];
  for (let user = 0; user < USERS; user++) {
    const taken = new Set<number>();
    while (taken.size < EVENTS) {
      const own = random.next() < 0.85;
      taken.add(own ? (user % TASTES) + TASTES * random.int(ITEMS / TASTES) : random.int(ITEMS));
    }
    for (const item of taken) rows.push([user, item, random.int(1e6)]);
  }
  return rows;
}

async function written(name: string, rows: readonly (readonly number[])[]): Promise<string> {
  const path = join(folder, name);
  const header = 'user_id:token\titem_id:token\ttimestamp:float';
  await writeFile(path, [header, ...rows.map((row) => row.join('\t'))].join('\n'));
  return path;
}

describe('sequences', () => {
  it('are by time, then item id as a number, and cut by share', async () => {
    const path = await written('cut.inter', [
      [1, 10, 5],
      [1, 9, 5],
      [1, 7, 1],
      [1, 8, 9],
      [1, 3, 6],
      [2, 9, 1],
    ]);
    const sequences = await readSequences(path);
    const ids = [3, 7, 8, 9, 10];
    const itemsOf = ({ columns }: InteractionMatrix) => Array.from(columns, (ordinal) => ids[ordinal]);
    expect(itemsOf(sequences)).toEqual([7, 9, 10, 3, 8, 9]);
    expect(itemsOf(shareOfRows(sequences, 0, 0.6))).toEqual([7, 9, 10]);
    expect(itemsOf(shareOfRows(sequences, 0.6, 0.8))).toEqual([3]);
    expect(itemsOf(shareOfRows(sequences, 0.8, 1))).toEqual([8, 9]);
  });
});

describe('history ranker', () => {
  const rows = events();
  const matrix = interactionMatrix(
    {
      users: Uint32Array.from(rows, ([user]) => user),
      items: Uint32Array.from(rows, ([, item]) => item),
      times: Float64Array.from(rows, ([, , time]) => time),
    },
    USERS,
    ITEMS,
  );
  const past = shareOfRows(matrix, 0, 0.8);
  const future = shareOfRows(matrix, 0.8, 1);
  const ndcg = async (model: HistoryRanker) =>
    (await rankHeldOut(model.forHistories(past), past, future, [10]))[0].ndcg;
  const options: Omit<HistoryRankerOptions, 'seed'> = {
    dim: 8,
    hidden: 8,
    historyMax: 10,
    negatives: 4,
    epochsMax: 8,
    batchSize: 128,
    learningRate: 0.02,
    threads: 1,
    merit: ndcg,
    patience: 8,
  };

  /** Mean overlap of the two models' first ten. */
  async function overlap(a: HistoryRanker, b: HistoryRanker): Promise<number> {
    const users = Uint32Array.from({ length: USERS }, (_, user) => user);
    const lists = await Promise.all(
      [a, b].map(async (model) => {
        const scores = new Float32Array(USERS * ITEMS);
        await model.forHistories(past).scoreUsers(users, scores);
        return Array.from(users, (user) => {
          const own = scores.subarray(user * ITEMS, (user + 1) * ITEMS);
          return Array.from(own.keys()).sort((i, j) => own[j] - own[i]);
        });
      }),
    );
    return lists[0].reduce((sum, list, user) => sum + overlapAtK(list, lists[1][user], 10), 0) / USERS;
  }

  it('learns tastes, the same from the same seed, and nearer to a teacher that it is held to', async () => {
    const teacher = await fitHistoryRanker(shareOfRows(matrix, 0, 0.6), { ...options, seed: 101 });
    const free = await fitHistoryRanker(past, { ...options, seed: 1 });
    const again = await fitHistoryRanker(past, { ...options, seed: 1 });
    const held = await fitHistoryRanker(past, {
      ...options,
      seed: 1,
      teacher: { model: teacher, lambda: 4, distance: 'cross-entropy' },
    });
    const untrained = await fitHistoryRanker(past, { ...options, seed: 1, epochsMax: 1, learningRate: 0 });
    expect(await ndcg(free)).toBeGreaterThan(1.5 * (await ndcg(untrained)));
    expect(again.items).toEqual(free.items);
    expect(await overlap(held, teacher)).toBeGreaterThan((await overlap(free, teacher)) + 0.05);
  });
});

describe('bench stability', () => {
  it('prints a line for the teacher and each lambda, then a summary, and draws them', async () => {
    const path = await written('people.inter', events());
    const svg = join(folder, 'chart.svg');
    const lines: Record<string, unknown>[] = [];
    await stabilityBench.run(['--data', path, '--seeds', '1', '--svg', svg], (line) => {
      lines.push(JSON.parse(line));
    });
    expect(lines.map(({ model }) => model)).toEqual(['teacher', ...Array(5).fill('student'), 'summary']);
    const [teacher, free] = lines;
    expect(teacher['churn@10']).toBe(0);
    expect(free).toMatchObject({ lambda: 0, validation: { 'ndcg@10': expect.any(Number) } });
    const { lambda, churnReduction } = lines[6] as { lambda: number; churnReduction: number };
    const chosen = lines.find((line) => line.model === 'student' && line.lambda === lambda);
    const churn = (line: unknown) => (line as Record<string, number>)['churn@10'];
    expect(churnReduction).toBeCloseTo(1 - churn(chosen) / churn(free), 9);
    const chart = await readFile(svg, 'utf8');
    expect(chart.match(/<circle/g)).toHaveLength(10);
    expect(chart).not.toContain('NaN');
  });

  it('says what is wrong with its arguments and data', async () => {
    const run = (...args: string[]) => expect(stabilityBench.run(args, () => {})).rejects;
    await run('--seeds', '0').toThrow(UsageError);
    await run('--data', join(folder, 'absent.inter')).toThrow(/absent\.inter/);
    const path = await written('few.inter', [[1, 1, 1]]);
    await run('--data', path).toThrow(
      'few.inter: too few events a user: nothing is left for the teacher part',
    );
  });
});
