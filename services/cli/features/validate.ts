import { join } from 'node:path';
import pc from 'picocolors';
import { BundleStore } from '../../../common/bundle/store.ts';
import { ConfigSource } from '../../../common/config.ts';
import { asMillraceError } from '../../../common/errors.ts';
import type { DeclaredFeature } from '../../../common/features/declared.ts';
import { type FeatureSchema, featureSchema, schemaOfBundle } from '../../../common/features/schema.ts';
import { findLogReader } from '../../../common/log/open-log.ts';
import { createLogger } from '../../../common/telemetry/log.ts';
import { featuresSchema } from '../../features/config.ts';
import { rankedSources, trainSchema } from '../../training/config.ts';
import { readLog } from '../../training/dataset/from-log.ts';
import { configuredLimits } from '../offline/composition.ts';
import { ProgressBars } from '../progress-bar.ts';
import { tableLines } from '../table.ts';
import { type FeatureValues, valuesOf } from './values.ts';

interface Findings {
  /** What has to be put right, each with the name of the feature or field. */
  readonly faults: string[];
  /** What is odd and may be meant. */
  readonly remarks: string[];
  readonly values: readonly FeatureValues[];
}

/** Checks what can be checked and prints it; the exit code is 1 where there are faults. */
export async function validateFeatures(json: boolean): Promise<void> {
  const bars = new ProgressBars();
  const found = await findings(bars).finally(() => bars.end());
  for (const line of json ? [JSON.stringify(found)] : reportOf(found)) process.stdout.write(`${line}\n`);
  if (found.faults.length > 0) process.exitCode = 1;
}

async function findings(bars: ProgressBars): Promise<Findings> {
  const config = new ConfigSource();
  const faults: string[] = [];
  const remarks: string[] = [];
  const fault = (error: unknown): void => void faults.push(asMillraceError(error).message);
  let schema: FeatureSchema | undefined;
  let declared: readonly DeclaredFeature[] = [];
  try {
    const train = config.section('train', trainSchema);
    ({ declared } = config.section('features', featuresSchema));
    schema = featureSchema(rankedSources(train), { choice: train.ranker.features, declared });
  } catch (error) {
    fault(error);
  }
  const served = await championSchema(config, declared, faults, remarks).catch(fault);
  await using log = await findLogReader(config);
  const looked = served ?? schema;
  if (looked === undefined || log === undefined) return { faults, remarks, values: [] };
  const limits = configuredLimits({ config, log: createLogger('features') });
  const values = valuesOf(await readLog(log), looked, limits, bars.progress);
  for (const { feature, failed, example, rows, missing } of values) {
    if (failed > 0) faults.push(`${feature}: ${failed} values are not of its type, as that of ${example}`);
    else if (missing === rows) remarks.push(`${feature}: never has a value`);
  }
  return { faults, remarks, values };
}

/** The champion's schema, if there is one, checked against what is declared now. */
async function championSchema(
  config: ConfigSource,
  declared: readonly DeclaredFeature[],
  faults: string[],
  remarks: string[],
): Promise<FeatureSchema | undefined> {
  const store = new BundleStore(join(config.home, 'bundles'));
  const live = await store.live();
  if (live === undefined) {
    remarks.push('no bundle is live: its features are not checked');
    return undefined;
  }
  const bundle = await store.open(live.champion);
  const schema = await schemaOfBundle(bundle);
  if (schema.hash !== bundle.manifest.featureSchemaHash)
    faults.push(`bundle ${bundle.version}: its features are declared otherwise in this release; train anew`);
  const now = new Map(declared.map((feature) => [feature.name, feature]));
  for (const { name, family, version } of schema.features) {
    if (family !== 'declared') continue;
    const own = now.get(name);
    if (own === undefined)
      remarks.push(`${name}: bundle ${bundle.version} uses it, features.declared no longer has it`);
    else if (own.version !== version)
      remarks.push(
        `${name}: bundle ${bundle.version} uses version ${version}, version ${own.version} is declared`,
      );
  }
  return schema;
}

function reportOf({ faults, remarks, values }: Findings): string[] {
  const share = (part: number, whole: number): string =>
    whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)}%`;
  const number = (value: number): string =>
    Number.isFinite(value) ? String(Number(value.toPrecision(4))) : '–';
  const rows = values.map(({ feature, rows, missing, failed, unseen, least, greatest }) => [
    feature,
    share(missing, rows),
    String(failed),
    unseen === undefined ? '–' : share(unseen, 1),
    number(least),
    number(greatest),
  ]);
  const right = 'right' as const;
  const columns = [
    { title: 'feature' },
    ...['missing', 'failed', 'unseen', 'least', 'greatest'].map((title) => ({ title, align: right })),
  ];
  return [
    ...(rows.length === 0 ? [] : tableLines(columns, rows, pc.bold)),
    ...remarks.map((remark) => `${pc.yellow('remark')}  ${remark}`),
    ...faults.map((fault) => `${pc.red('fault')}   ${fault}`),
    faults.length === 0 ? pc.green('no faults') : pc.red(`${faults.length} faults`),
  ];
}
