import { join } from 'node:path';
import { Command } from 'commander';
import pc from 'picocolors';
import type { Manifest } from '../../common/bundle/manifest.ts';
import { BundleStore, type Live } from '../../common/bundle/store.ts';
import { ConfigSource } from '../../common/config.ts';
import type { Environment } from '../../common/service.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { sizeText } from './bytes.ts';
import { driftText, promote } from './promotion.ts';
import { tableLines } from './table.ts';

/** `millrace bundles list|show|promote`: the bundles of MILLRACE_HOME. */
export function bundlesCommand(): Command {
  const command = new Command('bundles').description('list, show and promote the bundles of MILLRACE_HOME');
  command
    .command('list', { isDefault: true })
    .description('every published bundle, oldest first')
    .option('--json', 'one JSON object a line')
    .action(({ json }: { json?: boolean }) => list(store(), json === true));
  command
    .command('show')
    .description('one manifest: origin, parts, metrics')
    .argument('<version>', 'a version, or champion, previous or challenger')
    .option('--json', 'the manifest as it is')
    .action((version: string, { json }: { json?: boolean }) => show(store(), version, json === true));
  command
    .command('promote')
    .description('make a bundle the champion; running services follow within a second')
    .argument('<version>', 'a version, or previous or challenger')
    .action((version: string) =>
      promoteNamed({ config: new ConfigSource(), log: createLogger('bundles') }, version),
    );
  return command;
}

function store(): BundleStore {
  return storeOf({ config: new ConfigSource() });
}

function storeOf({ config }: Pick<Environment, 'config'>): BundleStore {
  return new BundleStore(join(config.home, 'bundles'));
}

async function list(bundles: BundleStore, json: boolean): Promise<void> {
  const live = await bundles.live();
  const manifests = await Promise.all((await bundles.versions()).map((version) => bundles.manifest(version)));
  if (json) {
    for (const manifest of manifests) {
      const { version, createdMs, parent, metrics } = manifest;
      print(JSON.stringify({ version, role: roleOf(version, live), createdMs, parent, metrics }));
    }
    return;
  }
  if (manifests.length === 0) {
    print('no bundle is published yet: millrace train makes one');
    return;
  }
  const rows = manifests.map((manifest) => [
    manifest.version,
    roleOf(manifest.version, live),
    sizeText(sizeOf(manifest)),
    manifest.metrics.cascade?.['ndcg@10']?.toFixed(4) ?? '–',
    manifest.parent || '–',
  ]);
  const columns = [
    { title: 'version' },
    { title: 'role', style: pc.green },
    { title: 'size', align: 'right' as const },
    { title: 'ndcg@10', align: 'right' as const },
    { title: 'parent' },
  ];
  for (const line of tableLines(columns, rows, pc.bold)) print(line);
}

async function show(bundles: BundleStore, name: string, json: boolean): Promise<void> {
  const live = await bundles.live();
  const manifest = await bundles.manifest(versionNamed(name, live));
  if (json) {
    print(JSON.stringify(manifest, null, 2));
    return;
  }
  const { version, createdMs, parent, logOffset, catalogueEpoch, parts, metrics } = manifest;
  const role = roleOf(version, live);
  print(`${pc.bold(version)}${role === '' ? '' : `  ${pc.green(role)}`}`);
  print(`made      ${new Date(createdMs).toISOString()}${parent === '' ? '' : `, to replace ${parent}`}`);
  print(`from      the log before offset ${logOffset}, catalogue epoch ${catalogueEpoch}\n`);
  const partRows = Object.entries(parts).map(([part, { bytes, sha256 }]) => [
    part,
    sizeText(bytes),
    sha256.slice(0, 12),
  ]);
  const partColumns = [{ title: 'part' }, { title: 'size', align: 'right' as const }, { title: 'sha256' }];
  for (const line of tableLines(partColumns, partRows, pc.bold)) print(line);
  const names = [...new Set(Object.values(metrics).flatMap((values) => Object.keys(values)))];
  if (names.length === 0) return;
  print('');
  const metricColumns = [{ title: 'model' }, ...names.map((title) => ({ title, align: 'right' as const }))];
  const metricRows = Object.entries(metrics).map(([model, values]) => [
    model,
    ...names.map((metric) => metricText(values[metric])),
  ]);
  for (const line of tableLines(metricColumns, metricRows, pc.bold)) print(line);
}

/** Checks every part, and the drift from the champion, before it lets the bundle serve. */
async function promoteNamed(environment: Environment, name: string): Promise<void> {
  const bundles = storeOf(environment);
  const { live, drift } = await promote(environment, bundles, versionNamed(name, await bundles.live()));
  const { champion, previous } = live;
  print(`champion ${pc.green(champion)}${previous === undefined ? '' : `, previous ${previous}`}`);
  if (drift !== undefined) print(driftText(drift));
}

function versionNamed(name: string, live: Live | undefined): string {
  return live?.[name as keyof Live] ?? name;
}

function roleOf(version: string, live: Live | undefined): string {
  const roles = ['champion', 'previous', 'challenger'] as const;
  return roles.filter((role) => live?.[role] === version).join(', ');
}

function sizeOf({ parts }: Manifest): number {
  return Object.values(parts).reduce((sum, { bytes }) => sum + bytes, 0);
}

function metricText(value: number | undefined): string {
  if (value === undefined) return '–';
  return Number.isInteger(value) ? String(value) : value.toFixed(4);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
