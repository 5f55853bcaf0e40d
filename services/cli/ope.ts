import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import pico from 'picocolors';
import { type IntervalRow, intervalChart } from '../../common/charts/interval-chart.ts';
import { ConfigSource } from '../../common/config.ts';
import { SECTIONS } from '../../common/service.ts';
import { type SourceName, TRAINING_SOURCES } from '../training/dataset/source-names.ts';
import { valueCampaigns } from './ope/campaigns.ts';
import { REWARDS, type RewardName } from './ope/logged-draws.ts';
import { type OwnLogValuation, valueOwnLog } from './ope/own-log.ts';
import { chartRows, overlapLines, valueJson, valueTable } from './ope/report.ts';
import { ProgressBars } from './progress-bar.ts';

const MINUTE_MS = 60_000;

interface Flags {
  readonly obd?: string;
  readonly from: SourceName;
  readonly policies: readonly string[];
  readonly reward: RewardName;
  readonly window: number;
  readonly svg?: string;
  readonly json?: boolean;
}

/** `millrace ope`. */
export function opeCommand(): Command {
  return new Command('ope')
    .description(
      'off-policy evaluation: what other policies would have earned, from what was drawn with known probabilities',
    )
    .addOption(
      new Option('--from <source>', 'where the decisions are').choices(TRAINING_SOURCES).default('log'),
    )
    .option('--policies <names...>', 'what is valued: logged, uniform, greedy, epsilon:E, softmax:T', [
      'logged',
      'uniform',
      'greedy',
      'epsilon:0.1',
    ])
    .addOption(new Option('--reward <name>', 'what a draw is rewarded for').choices(REWARDS).default('click'))
    .option('--window <minutes>', 'how long after a list was shown its feedback counts', minutesOf, 30)
    .option('--obd <folder>', 'value Thompson sampling on the uniform logs of an Open Bandit Dataset instead')
    .option('--svg <file>', 'draw the intervals')
    .option('--json', 'one JSON line a policy and estimator instead of the table')
    .action(runOpe);
}

function minutesOf(text: string): number {
  const minutes = Number(text);
  if (!(minutes > 0 && Number.isFinite(minutes))) throw new InvalidArgumentError('expected a number above 0');
  return minutes;
}

async function runOpe(flags: Flags): Promise<void> {
  const { title, unit, lines, rows } =
    flags.obd === undefined ? await ownLog(flags) : campaigns(flags.obd, flags);
  for (const line of lines) process.stdout.write(`${line}\n`);
  if (flags.svg !== undefined) writeFileSync(flags.svg, intervalChart(title, unit, rows));
}

interface Report {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly string[];
  readonly rows: readonly IntervalRow[];
}

function campaigns(folder: string, { json }: Flags): Report {
  const valuations = valueCampaigns(folder);
  return {
    title: 'Clicks per impression of Thompson sampling, 95% intervals',
    unit: 'clicks per impression',
    lines: json
      ? valueJson(valuations)
      : [...valueTable(valuations, pico.bold), ...overlapLines(valuations).map(pico.dim)],
    rows: chartRows(valuations),
  };
}

async function ownLog({ from, policies, reward, window, json }: Flags): Promise<Report> {
  const config = new ConfigSource();
  config.checkSections(SECTIONS);
  const bars = new ProgressBars();
  const windowMs = window * MINUTE_MS;
  const found = await valueOwnLog(config, {
    from,
    policies,
    reward,
    windowMs,
    progress: bars.progress,
  }).finally(() => bars.end());
  return {
    title: `What policies would have earned: ${reward} a draw, 95% intervals`,
    unit: `${reward} a draw`,
    lines: found.flatMap((draws) =>
      json ? valueJson(draws.valuations, { draws: draws.draws }) : textOf(draws, reward),
    ),
    rows: found.flatMap(({ valuations }) => chartRows(valuations)),
  };
}

function textOf(
  { draws, learnt, valued, unknown, mean, valuations, refused }: OwnLogValuation,
  reward: RewardName,
): string[] {
  return [
    `${draws}: ${learnt} draws to learn from, ${valued} to value on, which earned ${mean.toFixed(5)} (${reward}) each; ${unknown} left out`,
    ...valueTable(valuations, pico.bold),
    ...overlapLines(valuations).map(pico.dim),
    ...refused.map(({ policy, why }) => `${policy}: ${why}`),
  ];
}
