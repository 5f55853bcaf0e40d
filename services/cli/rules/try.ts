import pc from 'picocolors';
import type { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { ConfigSource } from '../../../common/config.ts';
import { MillraceError } from '../../../common/errors.ts';
import { openLogReader } from '../../../common/log/open-log.ts';
import { noExploration } from '../../reranking/bandits/config.ts';
import { newPosteriors } from '../../reranking/bandits/posteriors.ts';
import { ExposureLedger } from '../../reranking/fairness/exposure-ledger.ts';
import { rerankingConfig } from '../../reranking/policies-file.ts';
import { RuledItems } from '../../reranking/ruled-items.ts';
import { noRules, type RuleFile } from '../../reranking/rules/rule-file.ts';
import { modelsOf } from '../../reranking/server.ts';
import { SlateStage } from '../../reranking/stage.ts';
import { ProgressBars } from '../progress-bar.ts';
import { tableLines } from '../table.ts';
import { type CatalogueNow, catalogueNow } from './catalogue-now.ts';
import { readRules } from './check.ts';
import { DryRun, type SlateChanges } from './dry-run.ts';
import { latestDecisions, loggedRequest } from './logged-requests.ts';

const ITEMS_NAMED = 3;

export interface DryRunOptions {
  readonly file?: string;
  readonly requests: number;
  /** Ms since the Unix epoch. */
  readonly since?: number;
  readonly set?: string;
  readonly json?: boolean;
}

/**
 * Chooses the slates of logged requests twice from their recorded candidates, without and with the rules, and prints what each
 * rule did and how slates changed. CONFIG_INVALID where the file has a fault.
 */
export async function testRules(options: DryRunOptions): Promise<void> {
  const source = new ConfigSource();
  const file = readRules(source, options.file);
  if (options.set !== undefined && !file.sets.includes(options.set))
    throw new MillraceError('CONFIG_INVALID', `--set: the file has no set "${options.set}"`);
  const bars = new ProgressBars();
  try {
    const now = await catalogueNow(source, bars.progress);
    if (now === undefined)
      throw new MillraceError('BUNDLE_UNKNOWN', 'no bundle is live: millrace train makes one');
    const dryRun = await replay(source, file, now, options, bars);
    bars.end();
    for (const line of options.json ? [jsonOf(dryRun, now.catalogue)] : linesOf(dryRun, now.catalogue))
      process.stdout.write(`${line}\n`);
  } finally {
    bars.end();
  }
}

async function replay(
  source: ConfigSource,
  file: RuleFile,
  now: CatalogueNow,
  { requests, since, set }: DryRunOptions,
  bars: ProgressBars,
): Promise<DryRun> {
  const without = await stageOf(source, noRules, now, '');
  const ruled = await stageOf(source, file, now, set);
  await using log = await openLogReader(source);
  const decisions = await latestDecisions(log, { requestsMax: requests, sinceMs: since ?? 0 }, bars.progress);
  const dryRun = new DryRun(file.rules.map(({ name, then }) => ({ name, effect: Object.keys(then)[0] })));
  for (const [done, decision] of decisions.entries()) {
    const request = loggedRequest(decision, now.catalogue);
    if (request === undefined) continue;
    const { candidates, context, timeMs: nowMs, limit } = request;
    const asked = { candidates, context, nowMs, limit, policy: '' };
    dryRun.add(request, without.choose(asked), ruled.choose(asked));
    bars.progress('choosing', done + 1, decisions.length);
  }
  return dryRun;
}

/** Re-ranking as it is configured, but for the rules, and without exploration. `set`: the rule set in force, if not the configured one. */
async function stageOf(
  source: ConfigSource,
  file: RuleFile,
  { bundle, catalogue }: CatalogueNow,
  set: string | undefined,
): Promise<SlateStage> {
  const configured = { ...rerankingConfig(source), exploration: noExploration };
  const config = set === undefined ? configured : { ...configured, policy: 'default', ruleSet: set };
  const items = new RuledItems(catalogue);
  await items.use(file);
  const providers = items.fields.values(config.providerAttribute);
  const ledger = new ExposureLedger(config.exposureHalfLife, providers, () => catalogue.size);
  const posteriors = newPosteriors(config.exploration);
  const owned = { items, ledger, posteriors: () => posteriors, idOf: (item: number) => catalogue.idOf(item) };
  return new SlateStage(owned, config, await modelsOf(bundle));
}

function linesOf({ rules, changes }: DryRun, catalogue: Catalogue): string[] {
  if (changes.requests === 0) return ['the log has no request that rules could be tried on'];
  const right = 'right' as const;
  const columns = [
    { title: 'rule' },
    { title: 'does' },
    { title: 'requests', align: right },
    { title: 'share', align: right },
    { title: 'times', align: right },
    { title: 'items', align: right },
    { title: 'not met', align: right },
    { title: 'mostly on', widthMax: 60 },
  ];
  const rows = [...rules.values()].map(({ rule, effect, requests, times, unmet, items }) => [
    rule,
    effect,
    String(requests),
    percent(requests / changes.requests),
    String(times),
    String(items.size),
    unmet === 0 ? '–' : String(unmet),
    mostly(items)
      .map((item) => catalogue.idOf(item))
      .join(', '),
  ]);
  return [...tableLines(columns, rows, pc.bold), '', ...changeLines(changes)];
}

function changeLines({
  requests,
  changed,
  itemsIn,
  moved,
  positions,
  scoreWithout,
  scoreWith,
}: SlateChanges): string[] {
  const each = (count: number): string => (count / requests).toFixed(2);
  const by = moved === 0 ? '' : ` by ${(positions / moved).toFixed(1)} positions`;
  const lost = scoreWithout === 0 ? '' : ` (${percent((scoreWith - scoreWithout) / Math.abs(scoreWithout))})`;
  return [
    `${requests} logged requests, from the candidates that their records hold: ${changed} slates change (${percent(changed / requests)})`,
    `a slate: ${each(itemsIn)} items in and as many out, ${each(moved)} others moved${by}`,
    `ranking's score summed over a slate: ${each(scoreWithout)} without the rules, ${each(scoreWith)} with them${lost}`,
  ];
}

function jsonOf({ rules, changes }: DryRun, catalogue: Catalogue): string {
  const told = [...rules.values()].map(({ items, ...tally }) => ({
    ...tally,
    items: Object.fromEntries([...items].map(([item, times]) => [catalogue.idOf(item), times])),
  }));
  return JSON.stringify({ rules: told, changes });
}

function mostly(items: ReadonlyMap<number, number>): number[] {
  const sorted = [...items].sort(([a, timesA], [b, timesB]) => timesB - timesA || a - b);
  return sorted.slice(0, ITEMS_NAMED).map(([item]) => item);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
