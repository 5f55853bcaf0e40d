import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readLines } from './lines.ts';

async function lines(bytes: Uint8Array, chunkBytes: number): Promise<[string | undefined, number][]> {
  const seen: [string | undefined, number][] = [];
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += chunkBytes)
      yield Buffer.from(bytes.subarray(at, at + chunkBytes));
  }
  await readLines('f', chunks(), (text, line) => seen.push([text, line]));
  return seen;
}

it('gives the same lines however the bytes are cut', async () => {
  const unit = fc.constantFrom('a', 'é', '😀', '\n', '\r\n', '\t');
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit, maxLength: 60 }),
      fc.integer({ min: 1, max: 9 }),
      async (text, size) => {
        const parts = text.split(/\r?\n/);
        if (parts.at(-1) === '') parts.pop();
        expect(await lines(Buffer.from(text), size)).toEqual(parts.map((part, i) => [part, i + 1]));
      },
    ),
    { seed: 11, numRuns: 300 },
  );
});

it('drops a byte order mark at the start only, and marks lines that are not UTF-8', async () => {
  const bytes = Buffer.from('\ufeffa\n\ufeffb\n?\nc');
  bytes[bytes.indexOf('?')] = 0xff;
  for (const size of [1, 4, 100]) {
    expect(await lines(bytes, size)).toEqual([
      ['a', 1],
      ['\ufeffb', 2],
      [undefined, 3],
      ['c', 4],
    ]);
  }
});

it('refuses an endless line', async () => {
  await expect(lines(Buffer.alloc((1 << 22) + 1, 'x'), 1 << 16)).rejects.toThrow('f:1: line longer than');
});
