import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Code, REASON_TABLE } from './errors.ts';
import { projectRoot } from './root.ts';

test('docs/errors.md lists every reason with its code and who acts, and no other', () => {
  const nameOf = new Map(Object.entries(Code).map(([name, code]) => [code as number, name]));
  const expected = Object.entries(REASON_TABLE).map(
    ([reason, [code, who]]) => `${reason} ${nameOf.get(code)} ${who}`,
  );
  const page = readFileSync(join(projectRoot, 'docs', 'errors.md'), 'utf8');
  const listed = [...page.matchAll(/^\| `(\w+)` \| `(\w+)` \| (\w+) \| .{10,} \|$/gm)].map(([, ...cells]) =>
    cells.join(' '),
  );
  expect(listed).toEqual(expected);
});
