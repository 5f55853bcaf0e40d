import pc from 'picocolors';
import { ConfigSource } from '../../../common/config.ts';
import type { FeatureDeclaration } from '../../../common/features/declaration.ts';
import { allFeatures, isDefault } from '../../../common/features/declarations.ts';
import type { DeclaredFeature } from '../../../common/features/declared.ts';
import { fittedOn } from '../../../common/features/encodings/encoders.ts';
import { featuresSchema } from '../../features/config.ts';
import { rankedSources, trainSchema } from '../../training/config.ts';
import { tableLines } from '../table.ts';

/** Prints every feature: those of the configured sources, the built-in ones, those that the configuration declares. */
export function listFeatures(json: boolean): void {
  const config = new ConfigSource();
  const sources = rankedSources(config.section('train', trainSchema));
  const { declared } = config.section('features', featuresSchema);
  const lines = json
    ? allFeatures(sources, declared).map((feature) => JSON.stringify(described(feature)))
    : featureTable(sources, declared, pc.bold);
  for (const line of lines) process.stdout.write(`${line}\n`);
}

/** The features as a table. */
export function featureTable(
  sources: readonly string[],
  declared: readonly DeclaredFeature[],
  titleStyle?: (line: string) => string,
): string[] {
  const rows = allFeatures(sources, declared).map((feature) => [
    feature.name,
    String(feature.version),
    feature.family,
    feature.type,
    encodingText(feature),
    String(feature.default),
    isDefault(feature) ? 'yes' : '',
    feature.from.join(', '),
    feature.owner,
    feature.description,
  ]);
  const titles = [
    'feature',
    'version',
    'family',
    'type',
    'encoding',
    'if missing',
    'by default',
    'from',
    'owner',
  ];
  const columns = [...titles.map((title) => ({ title, widthMax: 40 })), { title: 'description' }];
  return tableLines(columns, rows, titleStyle);
}

/** As `one-hot 16, fitted`. */
function encodingText({ encoding }: FeatureDeclaration): string {
  const { kind, ...settings } = encoding;
  const numbers = Object.values(settings).filter((value) => typeof value === 'number');
  const parts = [kind, ...numbers.map(String)].join(' ');
  return fittedOn(encoding) === 'nothing' ? parts : `${parts}, fitted`;
}

function described({ read, ...feature }: FeatureDeclaration): Record<string, unknown> {
  return { ...feature, isDefault: isDefault({ read, ...feature }), fittedOn: fittedOn(feature.encoding) };
}
