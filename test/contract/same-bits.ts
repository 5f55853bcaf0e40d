import { expect, test } from 'vitest';
import { bytesOf, Candidates } from '../../common/columns.ts';
import type { Target } from './target.ts';

/** The answers to the same requests in memory and over a socket are equal bit for bit; durations are not compared. */
export function sameBits<S, R>(
  { memory, socket }: { memory: Target<S>; socket: Target<S> },
  requests: readonly R[],
  ask: (client: S, request: R) => Promise<unknown>,
): void {
  test(`${socket.name} and in memory: the same bits for ${requests.length} requests`, async () => {
    expect.assertions(requests.length);
    for (const request of requests) {
      const [near, far] = [await ask(memory.client, request), await ask(socket.client, request)];
      expect(comparable(far)).toEqual(comparable(near));
    }
  });
}

/** Arrays as hexadecimal bytes, maps as lists, without durations and fields that are not set. */
function comparable(value: unknown): unknown {
  if (value instanceof Candidates)
    return { items: comparable(value.items), columns: comparable([...value.columns]), ids: [...value.ids] };
  if (isArray(value)) return bytesOf(value).toString('hex');
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, field]) => name !== 'durationUs' && field !== undefined)
      .map(([name, field]) => [name, comparable(field)]),
  );
}

function isArray(value: unknown): value is Uint8Array | Uint32Array | Float32Array | Float64Array {
  return ArrayBuffer.isView(value);
}
