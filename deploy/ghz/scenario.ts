import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import type { Random } from '../../common/random.ts';
import { projectRoot } from '../../common/root.ts';

const FOLDER = join(projectRoot, 'deploy', 'ghz');

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** A ghz configuration; what is not named here is ghz's own business. `data` is one request, to be varied. */
const scenarioSchema = z.looseObject({
  name: z.string(),
  call: z.string(),
  duration: z.string(),
  data: z.json(),
});
export type Scenario = z.infer<typeof scenarioSchema>;

/** The scenarios that there are, by the names of their files. */
export function scenarioNames(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .map((name) => basename(name, '.json'))
    .sort();
}

export async function readScenario(name: string): Promise<Scenario> {
  return scenarioSchema.parse(JSON.parse(await readFile(join(FOLDER, `${name}.json`), 'utf8')));
}

/** `count` requests like the given one, every `user_id` and `item_id` in them drawn from the world. */
export function drawnData(
  request: Json,
  world: { readonly users: readonly string[]; readonly items: readonly string[] },
  count: number,
  random: Random,
): Json[] {
  const pools: Readonly<Record<string, readonly string[]>> = { user_id: world.users, item_id: world.items };
  const vary = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(vary);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => {
        const pool = pools[key] ?? [];
        return [key, pool.length === 0 ? vary(inner) : pool[random.int(pool.length)]];
      }),
    );
  };
  return Array.from({ length: count }, () => vary(request));
}
