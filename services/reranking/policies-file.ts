import { existsSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { z } from 'zod';
import type { ConfigSource } from '../../common/config.ts';
import { MillraceError } from '../../common/errors.ts';
import { type RerankingConfig, rerankingSchemaWith } from './config.ts';
import { policiesSchema } from './policy-schema.ts';
import { PositionedYaml } from './rules/file-positions.ts';

const fileSchema = z.strictObject({ policies: policiesSchema });
const pathSchema = z.looseObject({ policiesFile: z.string().min(1).optional() });

/** Where the file of policies is that a configuration names, or leaves open. */
export function policiesFilePath(home: string, configured: string | undefined): string {
  return resolve(home, configured ?? 'policies.yaml');
}

/** The section `reranking` over the policies of the file; CONFIG_INVALID with field, or file, line and column. */
export function rerankingConfig(source: ConfigSource): RerankingConfig {
  const { policiesFile } = source.section('reranking', pathSchema);
  const path = policiesFilePath(source.home, policiesFile);
  const isThere = policiesFile !== undefined || existsSync(path);
  return source.section('reranking', rerankingSchemaWith(isThere ? readPolicies(path) : {}));
}

function readPolicies(path: string): z.output<typeof policiesSchema> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new MillraceError('CONFIG_INVALID', `${path}: ${(cause as Error).message}`, { cause });
  }
  const yaml = new PositionedYaml(text);
  const parsed = fileSchema.safeParse(yaml.value);
  if (yaml.faults.length === 0 && parsed.success) return parsed.data.policies;
  const issues = parsed.error?.issues ?? [];
  const faults =
    yaml.faults.length > 0
      ? yaml.faults
      : issues.map(({ path: at, message }) => `${yaml.position(at)}: ${at.join('.')}: ${message}`);
  throw new MillraceError('CONFIG_INVALID', faults.map((fault) => `${basename(path)}:${fault}`).join('\n'));
}
