import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesOf } from '../../../common/columns.ts';
import type { VectorModel } from '../../../common/models/candidate-model.ts';
import { rankHeldOut } from '../../../common/models/held-out.ts';
import { fitIalsCandidates, ialsDefaults } from '../../../common/models/ials.ts';
import type { InteractionMatrix } from '../../../common/models/interactions.ts';
import { vectorModel } from '../../../common/models/vector-model.ts';
import { readItemLists } from '../item-lists.ts';
import { median, type Peer } from './peer.ts';
import { inFolder, readFloats, runScript } from './python.ts';

const DIM = 64;
const SWEEPS = 15;
const THREADS = 2;
/** Weight of an observed pair beside 1 for all others, and what multiplies every squared norm. */
const ALPHA = 4;
const REGULARISATION = 48;
const REPEATS = 3;

/**
 * iALS with three conjugate gradient steps against `implicit`, on `train.txt` of item lists. The losses differ in one term:
 * an observed pair weighs α + 1 in ours and α in theirs.
 */
export const ialsPeer: Peer = {
  package: { name: 'implicit', version: '0.7.3' },
  data: 'data/ml1m_lightgcnpp',
  async measure(folder, python, seed) {
    const { train, test } = readItemLists(folder);
    const own: Timed[] = [];
    const peer: Timed[] = [];
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      own.push(await fitOwn(train, seed));
      peer.push(fitPeer(train, python, seed));
    }
    const ndcg = async ({ model }: Timed) => (await rankHeldOut(model, train, test, [10]))[0].ndcg;
    return {
      ownSeconds: median(own.map(({ seconds }) => seconds)),
      peerSeconds: median(peer.map(({ seconds }) => seconds)),
      'ndcg@10': await ndcg(own[0]),
      'peerNdcg@10': await ndcg(peer[0]),
      settings: {
        dim: DIM,
        sweeps: SWEEPS,
        cgSteps: ialsDefaults.cgSteps,
        alpha: ALPHA,
        regularisation: REGULARISATION,
      },
      threads: THREADS,
    };
  },
};

interface Timed {
  readonly seconds: number;
  readonly model: VectorModel;
}

async function fitOwn(train: InteractionMatrix, seed: number): Promise<Timed> {
  const weights = new Float32Array(train.weights.length).fill(ALPHA);
  const options = {
    ...ialsDefaults,
    dim: DIM,
    sweeps: SWEEPS,
    unobservedWeight: 1,
    regularisation: REGULARISATION,
    frequencyExponent: 0,
    foldInSteps: ialsDefaults.cgSteps,
  };
  const start = performance.now();
  const model = await fitIalsCandidates({ ...train, weights }, options, { seed, threads: THREADS });
  return { seconds: (performance.now() - start) / 1000, model };
}

function fitPeer(train: InteractionMatrix, python: string, seed: number): Timed {
  return inFolder((folder) => {
    writeFileSync(join(folder, 'offsets.u32'), bytesOf(train.offsets));
    writeFileSync(join(folder, 'columns.u32'), bytesOf(train.columns));
    const sizes = [train.rowCount, train.columnCount, DIM, SWEEPS];
    const args = [folder, ...[...sizes, REGULARISATION, ALPHA, THREADS, seed].map(String)];
    const { seconds } = runScript(python, 'ials.py', args);
    const users = readFloats(join(folder, 'users.f32'));
    return { seconds, model: vectorModel(DIM, users, readFloats(join(folder, 'items.f32'))) };
  });
}
