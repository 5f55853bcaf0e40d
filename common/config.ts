import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { MillraceError } from './errors.ts';

/**
 * Configuration: the section `name` of a YAML file (`MILLRACE_CONFIG`, default `$MILLRACE_HOME/millrace.yaml` if it exists),
 * overlaid by environment variables `MILLRACE__SECTION__FIELD__...`, parsed once by the section's schema. Variables' names are
 * matched without regard to case, values are read as YAML. A fault names the field: `ranking.port: expected number`.
 */
export class ConfigSource {
  readonly home: string;
  readonly #tree: Record<string, unknown>;

  constructor(environment: NodeJS.ProcessEnv = process.env) {
    this.home = resolve(environment.MILLRACE_HOME || '.millrace');
    this.#tree = readTree(environment.MILLRACE_CONFIG, resolve(this.home, 'millrace.yaml'));
    for (const [name, value] of Object.entries(environment)) {
      if (value !== undefined && /^MILLRACE__/i.test(name))
        overlay(this.#tree, name.split('__').slice(1), parsedValue(name, value));
    }
  }

  /** The same configuration with all state in another folder. */
  at(home: string): ConfigSource {
    const other = new ConfigSource({ MILLRACE_HOME: home });
    Object.assign(other.#tree, this.#tree);
    return other;
  }

  /** The same configuration with some fields of a section set anew. */
  with(section: string, fields: Readonly<Record<string, unknown>>): ConfigSource {
    const other = this.at(this.home);
    other.#tree[section] = { ...(this.#tree[section] as object | undefined), ...fields };
    return other;
  }

  /** The section, checked and with its defaults. An absent section is an empty one. */
  section<S extends z.ZodType>(name: string, schema: S): z.output<S> {
    const parsed = schema.safeParse(this.#tree[name] ?? {});
    if (parsed.success) return parsed.data;
    const faults = parsed.error.issues.map((issue) => `${[name, ...issue.path].join('.')}: ${issue.message}`);
    throw new MillraceError('CONFIG_INVALID', `configuration: ${faults.join('; ')}`);
  }

  /** Throws if the configuration has a section that is none of `names`: as a rule a misspelling. */
  checkSections(names: readonly string[]): void {
    const unknown = Object.keys(this.#tree).filter((name) => !names.includes(name));
    if (unknown.length > 0) {
      throw new MillraceError(
        'CONFIG_INVALID',
        `configuration: unknown section ${unknown.join(', ')}; known are ${names.join(', ')}`,
      );
    }
  }
}

function readTree(path: string | undefined, defaultPath: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path ?? defaultPath, 'utf8');
  } catch (cause) {
    if (path === undefined && (cause as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new MillraceError(
      'CONFIG_INVALID',
      `configuration: ${path ?? defaultPath}: ${(cause as Error).message}`,
    );
  }
  try {
    return z.record(z.string(), z.unknown()).parse(parse(text) ?? {});
  } catch (cause) {
    throw new MillraceError(
      'CONFIG_INVALID',
      `configuration: ${path ?? defaultPath}: ${(cause as Error).message}`,
    );
  }
}

function parsedValue(variable: string, text: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new MillraceError('CONFIG_INVALID', `configuration: ${variable}: ${(cause as Error).message}`);
  }
}

function overlay(tree: Record<string, unknown>, path: string[], value: unknown): void {
  let node = tree;
  for (const [i, part] of path.entries()) {
    const key =
      Object.keys(node).find((known) => known.toLowerCase() === part.toLowerCase()) ?? camelCase(part);
    if (i === path.length - 1) {
      node[key] = value;
      return;
    }
    if (typeof node[key] !== 'object' || node[key] === null) node[key] = {};
    node = node[key] as Record<string, unknown>;
  }
}

/** `EF_SEARCH` and `efSearch` both name the field `efSearch`. */
function camelCase(part: string): string {
  if (/[a-z]/.test(part)) return part;
  return part.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Where a service listens: `host:port`, port 0 for a free one, or `unix:/path`. */
export const addressSchema = z.string().regex(/^(unix:.+|.+:\d{1,5})$/, 'expected host:port or unix:/path');
