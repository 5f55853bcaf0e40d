import { expect, test } from 'vitest';
import { Random } from '../../common/random.ts';
import { RecentOffsets } from './recent-offsets.ts';

test('agrees with a map on the latest texts while older ones are forgotten', () => {
  const random = new Random(7);
  const recent = new RecentOffsets(5_000);
  const texts = Array.from({ length: 30_000 }, (_, i) => `${random.int(1_000_000_000)}-${i}`);
  for (const [offset, text] of texts.entries()) {
    recent.add(text, offset);
    const back = random.int(Math.min(5_000, offset + 1));
    expect(recent.get(texts[offset - back])).toBe(offset - back);
  }
  expect(texts.slice(0, 20_000).filter((text) => recent.get(text) !== undefined)).toEqual([]);
  expect(recent.get('never added')).toBeUndefined();
});

test('a text added again has its latest offset', () => {
  const recent = new RecentOffsets(2);
  recent.add('a', 1);
  recent.add('b', 2);
  recent.add('a', 3);
  expect(recent.get('a')).toBe(3);
});
