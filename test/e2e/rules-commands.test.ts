import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Catalogue } from '../../common/catalogue/catalogue.ts';
import { Columns } from '../../common/columns.ts';
import { encodeEvent } from '../../common/log/events.ts';
import { SegmentLog } from '../../common/log/segment-log.ts';
import { Random } from '../../common/random.ts';
import { projectRoot } from '../../common/root.ts';
import type { Item } from '../../gen/millrace/features/v1/features.ts';
import { Event } from '../../gen/millrace/logging/v1/logging.ts';
import { runCli } from '../support/cli.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';
import { makeTinyWorld, type TinyWorld } from '../support/tiny-world.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });
const SEED = 1;
const DAY_MS = 86_400_000;
const STUDIOS = ['Acme', 'Bolt', 'Crown'];
const REQUESTS = 200;
const CANDIDATES = 60;
const SHOWN = 20;

/** The tiny world with a studio for each item, one item in six a premiere, the others 100 days old and more. */
function filmWorld(): TinyWorld {
  const world = makeTinyWorld({ users: 60, items: 100, seed: SEED });
  const catalogue = new Catalogue(world.catalogue.lineage);
  for (let ordinal = 0; ordinal < world.catalogue.size; ordinal++) {
    const item = world.catalogue.item(ordinal) as Item;
    const ageDays = ordinal % 6 === 0 ? ordinal % 25 : 100 + ordinal;
    const attributes = { ...item.attributes, studio: { text: STUDIOS[ordinal % STUDIOS.length] } };
    const upsert = { ...item, attributes, availableFromMs: world.nowMs - ageDays * DAY_MS };
    catalogue.apply({ epoch: ordinal + 1, ordinal, upsert });
  }
  return { ...world, catalogue };
}

/** Adds decisions with seeded scores: the best are shown, half of the others are in the sample. */
async function logDecisions(home: string, { nowMs }: TinyWorld): Promise<void> {
  const random = new Random(SEED);
  const decisions = Array.from({ length: REQUESTS }, (_, n) => {
    const items = random.shuffle(Array.from({ length: 100 }, (_, item) => item)).slice(0, CANDIDATES);
    const scored = items.map((item) => ({ item, score: random.next() * (1 - item / 200) }));
    scored.sort((a, b) => b.score - a.score);
    const rows = scored.map(({ item, score }) => ({
      itemId: `item-${item}`,
      scores: { [Columns.ranking]: Math.fround(score) },
    }));
    const timeMs = nowMs + (n < REQUESTS - 50 ? 0 : DAY_MS);
    const context = { requestId: `r${n}`, timeMs, surface: n % 2 === 0 ? 'home' : 'mail' };
    const shown = rows.slice(0, SHOWN);
    const sample = rows.slice(SHOWN).filter((_, at) => at % 2 === 0);
    return Event.fromPartial({
      eventId: `d${n}`,
      timeMs,
      decision: { requestId: `r${n}`, context, shown, sample },
    });
  });
  await using log = await SegmentLog.open(join(home, 'log'));
  await log.append(decisions.map(encodeEvent));
}

const page = readFile(join(projectRoot, 'docs/rules.md'), 'utf8');
let folder: Awaited<ReturnType<typeof temporaryHome>>;
let nowMs: number;
beforeAll(async () => {
  folder = await temporaryHome();
  const world = filmWorld();
  nowMs = world.nowMs;
  await makeTinyHome(folder.home, { world });
  await logDecisions(folder.home, world);
  const [, yaml] = /```yaml\n([\s\S]*?)```/.exec(await page) ?? [];
  await writeFile(join(folder.home, 'rules.yaml'), yaml);
});
afterAll(() => folder[Symbol.asyncDispose]());

/** What the page says that a command prints. */
async function printed(command: string): Promise<string> {
  const text = await page;
  const from = text.indexOf(`$ npx millrace ${command}`);
  return text.slice(text.indexOf('\n', from) + 1, text.indexOf('```', from));
}

const run = (...args: string[]) => runCli(['rules', ...args], folder.home);

describe('millrace rules', () => {
  it('check prints what docs/rules.md says of its file', async () => {
    const { code, stdout, stderr } = await run('check');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(await printed('rules check'));
  });

  it('test prints what docs/rules.md says of the logged requests', async () => {
    const { code, stdout, stderr } = await run('test', '--requests', String(REQUESTS));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(await printed('rules test'));
  });

  it('test counts what a rule set does where it is in force, of requests from a time on', async () => {
    const since = new Date(nowMs + 1).toISOString();
    const { stdout } = await run('test', '--json', '--set', 'valentine', '--since', since);
    const { rules, changes } = JSON.parse(stdout);
    const romance = rules.find(({ rule }: { rule: string }) => rule === 'romance week');
    expect([changes.requests, romance.requests]).toEqual([50, 50]);
    expect(Object.keys(romance.items).every((id) => Number(id.split('-')[1]) % 5 === 2)).toBe(true);
  });

  it('refuses a faulty file with all its lines and code 2, before it looks at anything else', async () => {
    const path = join(folder.home, 'faulty.yaml');
    await writeFile(
      path,
      'rules:\n  - {name: a, then: {exclude: true}}\n  - {name: b, then: {cap: {itemsMax: 0}}}\n',
    );
    const { code, stdout, stderr } = await run('test', '--file', path);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(
      /^millrace: faulty.yaml:2:5: rule "a": match: .*\nfaulty.yaml:3:38: rule "b": then.cap.itemsMax: /,
    );
  });
});
