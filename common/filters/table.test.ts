import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RemovalReason } from '../../gen/millrace/filtering/v1/filtering.ts';
import { projectRoot } from '../root.ts';
import { FILTER_TABLE } from './table.ts';

test('docs/filtering.md lists every filter as the table has it, in its order, and no other', () => {
  const nameOf = new Map(Object.entries(RemovalReason).map(([name, reason]) => [reason as number, name]));
  const expected = Object.entries(FILTER_TABLE).map(
    ([name, { reason, policy, removes, unknown }]) =>
      `| ${name} | \`${nameOf.get(reason)?.replace('REMOVAL_REASON_', '')}\` | ${policy} | ${removes} | ${unknown} |`,
  );
  const page = readFileSync(join(projectRoot, 'docs', 'filtering.md'), 'utf8');
  expect(page.split('\n').filter((line) => /^\| [a-z-]+ \| `/.test(line))).toEqual(expected);
});
