import { MillraceError } from '../../../common/errors.ts';
import { FilterRequest, FilterResponse } from '../../../gen/millrace/filtering/v1/filtering.ts';
import { Candidates, Column } from '../../../gen/millrace/type/v1/type.ts';
import type { Fault } from '../../support/stage-proxy.ts';

const REASON = 'removal.reason';
const ROW_BYTES = 4;
const NONE = Buffer.alloc(0);
const UNKNOWN = Buffer.from([0xff, 0xff, 0xff, 0xfe]);

export interface Garbage {
  readonly fault: Fault;
  /** What the answer says of it, as stage and reason; undefined: it cannot be told from a good one. */
  readonly seenAs?: string;
}

const INVALID = 'filtering:STAGE_INVALID_RESPONSE';

/** Ways in which a filtering stage can be wrong. The first three keep the contract. */
export const GARBAGE: Readonly<Record<string, Garbage>> = {
  'keeps everything': answering((_, { candidates }) => ({ kept: itemsOf(candidates), gone: NONE })),
  'keeps what must go and removes the rest': answering(({ candidates, removed }) => ({
    kept: itemsOf(removed),
    gone: itemsOf(candidates),
  })),
  'keeps nothing': answering((_, { candidates }) => ({ kept: NONE, gone: itemsOf(candidates) })),
  'gives rows in another order': answering(
    ({ candidates, removed }) => ({
      kept: rowsOf(itemsOf(candidates)).reverse(),
      gone: itemsOf(removed),
    }),
    INVALID,
  ),
  'gives ordinals that it was not asked about': answering(
    ({ candidates, removed }) => ({
      kept: [...rowsOf(itemsOf(candidates)), UNKNOWN],
      gone: itemsOf(removed),
    }),
    INVALID,
  ),
  'gives rows twice': answering(
    ({ candidates, removed }) => ({
      kept: rowsOf(itemsOf(candidates)).flatMap((row) => [row, row]),
      gone: itemsOf(removed),
    }),
    INVALID,
  ),
  'gives bytes that are no message': {
    fault: { corrupt: () => Buffer.from('no filter has ever answered this') },
    seenAs: INVALID,
  },
  'answers an error': {
    fault: { error: new MillraceError('INTERNAL', 'out of order') },
    seenAs: 'filtering:STAGE_FAILED',
  },
};

type Rows = Buffer | readonly Buffer[];

function answering(
  make: (answer: FilterResponse, request: FilterRequest) => { kept: Rows; gone: Rows },
  seenAs?: string,
): Garbage {
  const fault: Fault = {
    corrupt: (answer, request) => {
      const response = FilterResponse.decode(answer);
      const { kept, gone } = make(response, FilterRequest.decode(request));
      const removed = candidatesOf(gone);
      removed.columns = [Column.fromPartial({ name: REASON, values: onesFor(removed.count) })];
      const changed = { ...response, candidates: candidatesOf(kept), removed };
      return Buffer.from(FilterResponse.encode(changed).finish());
    },
  };
  return seenAs === undefined ? { fault } : { fault, seenAs };
}

function itemsOf(candidates: Candidates | undefined): Buffer {
  return candidates === undefined ? NONE : Buffer.from(candidates.item);
}

function rowsOf(items: Buffer): Buffer[] {
  return Array.from({ length: items.length / ROW_BYTES }, (_, row) =>
    items.subarray(row * ROW_BYTES, (row + 1) * ROW_BYTES),
  );
}

function candidatesOf(rows: Rows): Candidates {
  const item = Buffer.isBuffer(rows) ? rows : Buffer.concat(rows as readonly Buffer[]);
  return Candidates.fromPartial({ count: item.length / ROW_BYTES, item });
}

function onesFor(count: number): Buffer {
  return Buffer.from(new Float32Array(count).fill(1).buffer);
}
