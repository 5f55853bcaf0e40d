import { resolve } from 'node:path';
import pc from 'picocolors';
import { ConfigSource } from '../../../common/config.ts';
import { MillraceError } from '../../../common/errors.ts';
import { rerankingConfig } from '../../reranking/policies-file.ts';
import { type RuleFile, readRuleFile, ruleFilePath } from '../../reranking/rules/rule-file.ts';
import { type RuleReport, reportOn } from '../../reranking/rules/rule-report.ts';
import { RuleSet } from '../../reranking/rules/rule-set.ts';
import { ProgressBars } from '../progress-bar.ts';
import { tableLines } from '../table.ts';
import { catalogueNow } from './catalogue-now.ts';

/** Prints what the rules are to the live catalogue. CONFIG_INVALID with a line for every fault. */
export async function checkRules(path: string | undefined, json: boolean): Promise<void> {
  const source = new ConfigSource();
  const file = readRules(source, path);
  const bars = new ProgressBars();
  const now = await catalogueNow(source, bars.progress).finally(() => bars.end());
  const rules = new RuleSet(file);
  const size = now?.catalogue.size ?? 0;
  for (let ordinal = 0; ordinal < size; ordinal++) rules.setItem(ordinal, now?.catalogue.item(ordinal));
  const report = reportOn(rules, size, (ordinal) => now?.catalogue.idOf(ordinal) ?? '');
  if (report.faults.length > 0) throw new MillraceError('CONFIG_INVALID', report.faults.join('\n'));
  const remarks = now === undefined ? ['no bundle is live: nothing is known of items'] : report.warnings;
  if (json) print(JSON.stringify({ ...report, warnings: remarks }));
  else for (const line of reportLines({ ...report, warnings: remarks })) print(line);
}

/** The rule file at `path`, or the one that re-ranking reads. */
export function readRules(source: ConfigSource, path: string | undefined): RuleFile {
  const { rulesFile } = rerankingConfig(source);
  return readRuleFile(path === undefined ? ruleFilePath(source.home, rulesFile) : resolve(path));
}

/** The rules by authority, which goes before which, and what has no effect. */
function reportLines({ rules, outrankings, warnings }: RuleReport): string[] {
  const right = 'right' as const;
  const columns = [
    { title: 'rule' },
    { title: 'does' },
    { title: 'priority', align: right },
    { title: 'items', align: right },
    { title: 'at' },
  ];
  const rows = rules.map(({ name, effect, priority, items, byAge, place }) => [
    name,
    effect,
    String(priority),
    byAge ? `≤ ${items}` : String(items),
    place,
  ]);
  const over = outrankings.map(({ rule, over, why, items }) => [rule, over, why, String(items)]);
  const overColumns = [
    { title: 'goes before' },
    { title: 'the rule' },
    { title: 'as it' },
    { title: 'items of both', align: right },
  ];
  return [
    ...tableLines(columns, rows, pc.bold),
    ...(over.length === 0 ? [] : ['', ...tableLines(overColumns, over, pc.bold)]),
    ...(warnings.length === 0
      ? []
      : ['', ...warnings.map((warning) => `${pc.yellow('remark')}  ${warning}`)]),
  ];
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
