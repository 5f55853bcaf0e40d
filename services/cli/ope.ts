import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import pico from 'picocolors';
import { intervalChart } from '../../common/charts/interval-chart.ts';
import { valueCampaigns } from './ope/campaigns.ts';
import { chartRows, overlapLines, valueJson, valueTable } from './ope/report.ts';

interface Flags {
  readonly obd: string;
  readonly svg?: string;
  readonly json?: boolean;
}

/** `millrace ope`. */
export function opeCommand(): Command {
  return new Command('ope')
    .description(
      'off-policy evaluation: what other policies would have earned, from what was drawn with known probabilities',
    )
    .requiredOption('--obd <folder>', 'value Thompson sampling on the uniform logs of an Open Bandit Dataset')
    .option('--svg <file>', 'draw the intervals')
    .option('--json', 'one JSON line a policy and estimator instead of the table')
    .action(runOpe);
}

async function runOpe({ obd, svg, json }: Flags): Promise<void> {
  const valuations = valueCampaigns(obd);
  const lines = json
    ? valueJson(valuations)
    : [...valueTable(valuations, pico.bold), ...overlapLines(valuations).map((line) => pico.dim(line))];
  for (const line of lines) process.stdout.write(`${line}\n`);
  if (svg !== undefined)
    writeFileSync(
      svg,
      intervalChart(
        'Clicks per impression of Thompson sampling, 95% intervals',
        'clicks per impression',
        chartRows(valuations),
      ),
    );
}
