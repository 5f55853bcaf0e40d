import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { batchName, changeEvents, upsertChanges } from '../../../common/catalogue/writer.ts';
import { encodeEvent } from '../../../common/log/events.ts';
import { SegmentLog } from '../../../common/log/segment-log.ts';
import { projectRoot } from '../../../common/root.ts';
import { Item } from '../../../gen/millrace/features/v1/features.ts';
import { Event } from '../../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { runCli } from '../../../test/support/cli.ts';
import { temporaryHome } from '../../../test/support/temporary-home.ts';
import { rankedSources, trainSchema } from '../../training/config.ts';
import { featureTable } from './list.ts';

describe('docs/features.md', () => {
  test('has the table that the command prints', async () => {
    const page = await readFile(join(projectRoot, 'docs/features.md'), 'utf8');
    const [, printed] = page.split('## The features\n')[1].split('```\n');
    expect(printed.trimEnd().split('\n')).toEqual(featureTable(rankedSources(trainSchema.parse({})), []));
  });
});

const DECLARED = `
train: {ranker: {features: [default, item.budget, item.studio]}}
features:
  declared:
    - {name: item.budget, entity: item, attribute: budget, type: number, encoding: {kind: log}, owner: films}
    - {name: item.studio, entity: item, attribute: studio, type: category, encoding: {kind: one-hot, values: [ufa]}, owner: films}
`;

async function writeLog(home: string, items: readonly Item[]): Promise<void> {
  await using log = await SegmentLog.open(join(home, 'log'));
  const changes = upsertChanges(new Catalogue(''), items);
  const seen = items.map(({ id }, i) =>
    Event.fromPartial({
      eventId: `e${i}`,
      timeMs: 1_700_000_000_000 + i,
      feedback: { userId: 'u', itemId: id, action: Action.ACTION_VIEW },
    }),
  );
  await log.append([...changeEvents(changes, batchName(changes, 'l', 'n'), 1), ...seen].map(encodeEvent));
}

function item(id: string, attributes: object): Item {
  return Item.fromPartial({ id, attributes });
}

describe('millrace features validate', () => {
  test('tells how much is missing and unseen, and passes where no value is wrong', async () => {
    await using folder = await temporaryHome();
    await writeFile(join(folder.home, 'millrace.yaml'), DECLARED);
    const good = [
      item('a', { budget: { number: 9 }, studio: { text: 'ufa' } }),
      item('b', { studio: { text: 'pixar' } }),
    ];
    await writeLog(folder.home, good);
    const { code, stdout } = await runCli(['features', 'validate', '--json'], folder.home);
    expect(code, stdout).toBe(0);
    const { faults, remarks, values } = JSON.parse(stdout);
    expect(faults).toEqual([]);
    expect(remarks).toContain('no bundle is live: its features are not checked');
    const of = (name: string) => values.find(({ feature }: { feature: string }) => feature === name);
    expect(of('item.budget')).toMatchObject({
      rows: 2,
      missing: 1,
      failed: 0,
      greatest: Math.fround(Math.log(10)),
    });
    expect(of('item.studio')).toMatchObject({ missing: 0, unseen: 0.5 });
    expect(of('item.year')).toMatchObject({ missing: 2 });
    expect(remarks).toContain('item.year: never has a value');
  });

  test('names the item whose value is not of its type, and the field of a bad declaration', async () => {
    await using folder = await temporaryHome();
    await writeFile(join(folder.home, 'millrace.yaml'), DECLARED);
    await writeLog(folder.home, [
      item('a', { budget: { number: 9 } }),
      item('b', { budget: { text: 'much' } }),
    ]);
    const { home } = folder;
    const wrong = await runCli(['features', 'validate'], home);
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).toContain('item.budget: 1 values are not of its type, as that of item b');
    await writeFile(join(folder.home, 'millrace.yaml'), DECLARED.replace('type: category', 'type: colour'));
    const bad = await runCli(['features', 'validate'], home);
    expect(bad.code).toBe(1);
    expect(bad.stdout).toContain('features.declared.1.type');
    await writeFile(join(folder.home, 'millrace.yaml'), DECLARED.replace('item.budget, ', 'item.bugdet, '));
    expect((await runCli(['features', 'validate'], home)).stdout).toContain('item.bugdet is no feature');
  });
});
