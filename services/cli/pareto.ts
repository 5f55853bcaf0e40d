import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import pico from 'picocolors';
import { ConfigSource } from '../../common/config.ts';
import { SECTIONS } from '../../common/service.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { policiesFilePath, rerankingConfig } from '../reranking/policies-file.ts';
import { frontChart, frontTable, namedFront, policiesYaml } from './pareto/named-front.ts';
import { SWEPT_AIMS, type SweptAim, sweep } from './pareto/sweep.ts';
import { ProgressBars } from './progress-bar.ts';

interface Flags {
  readonly bundle?: string;
  readonly aims: readonly SweptAim[];
  readonly levels: readonly number[];
  readonly selector: 'mmr' | 'dpp';
  readonly users: number;
  readonly k: number;
  readonly svg?: string;
  readonly out?: string;
}

const LEVELS = [0, 0.1, 0.3, 1];
const POINTS_MAX = 1000;

/** `millrace pareto`. */
export function paretoCommand(): Command {
  return new Command('pareto')
    .description('slate policies that no other beats: weights swept over the users that training held out')
    .option('--bundle <version>', 'the bundle whose holdout bundle is measured (default: the champion)')
    .option('--aims <list>', `what is weighed against relevance: ${SWEPT_AIMS.join(',')}`, aimsOf, [
      ...SWEPT_AIMS,
    ])
    .option('--levels <list>', 'weights that each aim takes, relevance having 1', levelsOf, LEVELS)
    .addOption(new Option('--selector <name>', 'how alikeness counts').choices(['mmr', 'dpp']).default('mmr'))
    .option('--users <number>', 'users measured at most', countOf, 500)
    .option('--k <number>', 'length of the slates', countOf, 20)
    .option('--svg <file>', 'draw the front')
    .option('--out <file>', 'where the policies go (default: policies.yaml in MILLRACE_HOME)')
    .action(runPareto);
}

function aimsOf(text: string): SweptAim[] {
  const aims = [...new Set(text.split(','))];
  const unknown = aims.find((aim) => !SWEPT_AIMS.includes(aim as SweptAim));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`"${unknown}" is none of ${SWEPT_AIMS.join(', ')}`);
  return aims as SweptAim[];
}

function levelsOf(text: string): number[] {
  const levels = text.split(',').map(Number);
  if (
    levels.some((level) => !(level >= 0 && level <= 1e6)) ||
    levels.length ** SWEPT_AIMS.length > POINTS_MAX
  )
    throw new InvalidArgumentError('expected at most ten numbers of 0 or more, as 0,0.1,0.3');
  return levels;
}

function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 1e6)
    throw new InvalidArgumentError('expected a whole number from 1 on');
  return count;
}

async function runPareto({ svg, out, ...flags }: Flags): Promise<void> {
  const config = new ConfigSource();
  config.checkSections(SECTIONS);
  const { freshnessHalfLifeDays, policiesFile } = rerankingConfig(config);
  const environment = { config, log: createLogger('pareto') };
  const bars = new ProgressBars();
  const swept = await sweep(environment, { ...flags, freshnessHalfLifeDays }, bars.progress).finally(() =>
    bars.end(),
  );
  const front = namedFront(swept, flags.aims);
  const path = out ?? policiesFilePath(config.home, policiesFile);
  writeFileSync(path, policiesYaml(front, flags.selector));
  if (svg !== undefined) writeFileSync(svg, frontChart(front, flags.aims, flags.k));
  const [titles, ...lines] = frontTable(front, flags.k);
  for (const line of [pico.bold(titles), ...lines]) process.stdout.write(`${line}\n`);
  const summary = `${front.length} of ${swept.length} policies are on the front; written to ${path}; choose one by reranking.policy`;
  process.stdout.write(`${pico.dim(summary)}\n`);
}
