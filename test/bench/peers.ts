import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, oneOf, parsed, UsageError, wholeNumber } from './bench.ts';
import { ialsPeer } from './peers/ials.ts';
import { lambdaMartPeer } from './peers/lambdamart.ts';
import type { Peer } from './peers/peer.ts';
import { missing } from './peers/python.ts';
import { eachInItsProcess, measured } from './report.ts';

const PEERS: Readonly<Record<string, Peer>> = { ials: ialsPeer, lambdamart: lambdaMartPeer };
const SEED = 1;

/** Fitting time of models of ours as a multiple of the time that others' implementations take. */
export const peersBench: Bench = {
  usage: `[--model NAME] [--data DIR] [--python PATH] [--seed N]   NAME: ${Object.keys(PEERS).join(' ')}`,
  async run(args, print) {
    const values = parsed(args, {
      model: { type: 'string' },
      data: { type: 'string' },
      python: { type: 'string', default: 'python3' },
      seed: { type: 'string', default: String(SEED) },
    });
    const seed = wholeNumber(values.seed, 'seed');
    const { python } = values;
    if (values.model === undefined) {
      if (values.data !== undefined) throw new UsageError('--data needs --model');
      return eachInItsProcess('peers', args, Object.keys(PEERS), print);
    }
    const model = oneOf(values.model, Object.keys(PEERS), 'model');
    const peer = PEERS[model];
    const labels = { bench: 'peers', model, peer: `${peer.package.name} ${peer.package.version}` };
    const folder = values.data ?? join(process.env.MILLRACE_SHARED ?? '../shared', peer.data);
    const skipped = existsSync(folder) ? missing(python, peer.package) : `${folder}: no such folder`;
    if (skipped !== undefined) return print(JSON.stringify({ ...labels, skipped }));
    await measured(print, labels, seed, async () => {
      const figures = await peer.measure(folder, python, seed);
      return { ...figures, ratio: Number((figures.ownSeconds / figures.peerSeconds).toFixed(3)) };
    });
  },
};
