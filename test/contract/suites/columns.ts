import { afterEach, describe, test } from 'vitest';
import { bytesOf, type Candidates, toWire } from '../../../common/columns.ts';
import { Code } from '../../../common/errors.ts';
import type { Candidates as WireCandidates } from '../../../gen/millrace/type/v1/type.ts';
import { expectRefusal, type Target } from '../target.ts';
import { call } from '../world.ts';
import type { Probe } from './boundary.ts';

type Damage = (wire: WireCandidates) => void;

/** What every stage refuses. */
const REQUIRED: Record<string, Damage> = {
  'NaN in a column': ({ columns }) => {
    columns[0].values = damaged(columns[0].values, Number.NaN);
  },
  'an infinite value in a column': ({ columns }) => {
    columns[0].values = damaged(columns[0].values, Number.POSITIVE_INFINITY);
  },
  'columns of unequal length': ({ columns }) => {
    columns[0].values = columns[0].values.subarray(4);
  },
  'a truncated column': ({ columns }) => {
    columns[0].values = columns[0].values.subarray(1);
  },
  'truncated items': (wire) => {
    wire.item = wire.item.subarray(1);
  },
  'more rows said than sent': (wire) => {
    wire.count++;
  },
};

/** What only Millrace's own stages are held to. */
const OWN: Record<string, Damage> = {
  'an item twice': (wire) => {
    wire.item = Buffer.concat([wire.item.subarray(0, 4), wire.item.subarray(0, 4), wire.item.subarray(8)]);
  },
  'a column twice': ({ columns }) => {
    columns.push(columns[0]);
  },
  'a name that is no column name': ({ columns }) => {
    columns[0] = { ...columns[0], name: 'No Name' };
  },
  'ids of unequal number': (wire) => {
    wire.itemId = ['item-0'];
  },
};

/** Candidates that break the contract are INVALID_ARGUMENT, and the next call is served. `encode` makes a request of them;
 * in memory there are no bytes to break. */
export function columnsSuite(
  target: Target<unknown>,
  { contract, method, ask }: Probe,
  { candidates, encode }: { candidates: Candidates; encode: (candidates: WireCandidates) => Uint8Array },
): void {
  const { wire, foreign } = target;
  if (wire === undefined) return;
  const { path } = contract.methods[method];

  describe('candidates that break the contract', () => {
    afterEach(async () => {
      await ask(call());
    });

    test.for(Object.entries({ ...REQUIRED, ...OWN }))('%s', async ([name, damage], context) => {
      if (foreign && name in OWN) return context.skip('a foreign stage need not look for it');
      const sent = toWire(candidates);
      damage(sent);
      const answer = wire.send(path, Buffer.from(encode(sent)));
      await expectRefusal(target, answer, Code.INVALID_ARGUMENT, 'COLUMNS_INVALID');
    });
  });
}

/** The bytes with `value` in the first row. */
function damaged(bytes: Buffer, value: number): Buffer {
  return Buffer.concat([bytesOf(Float32Array.of(value)), bytes.subarray(4)]);
}
