import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { CsvError, parse } from 'csv-parse/sync';
import YAML from 'yaml';
import { z } from 'zod';
import { fieldError } from '../../../common/errors.ts';
import type { BanditLog } from '../../../common/ope/bandit-log.ts';
import { Random } from '../../../common/random.ts';

/** Slots of ZOZOTOWN's interface; each impression is of one of them. */
const SLOTS = 3;

/** Beta priors of a campaign's Bernoulli arms, by item. */
const priorsSchema = z.record(
  z.string(),
  z
    .object({ alpha: z.array(z.number().positive()), beta: z.array(z.number().positive()) })
    .refine(
      ({ alpha, beta }) => alpha.length > 0 && alpha.length === beta.length,
      'alpha and beta differ in length',
    ),
);

/** Impressions of one campaign under one policy: parallel columns. */
export interface CampaignLog {
  readonly items: Uint32Array;
  /** Slot, from 0. */
  readonly slots: Uint8Array;
  readonly clicks: Float64Array;
  /** Probability with which the item was drawn for its slot. */
  readonly propensities: Float64Array;
}

export interface Campaign {
  readonly name: string;
  readonly itemCount: number;
  readonly alpha: readonly number[];
  readonly beta: readonly number[];
  /** Logged under the uniform policy. */
  readonly random: CampaignLog;
  /** Logged under Bernoulli Thompson sampling; its own clicks are the truth to be estimated. */
  readonly thompson: CampaignLog;
}

/**
 * The campaigns of an Open Bandit Dataset (Saito et al. 2021) that lie in `folder`: `random/NAME.csv` and `bts/NAME.csv`, or the
 * same with `.gz`, and `prior_bts.yaml`. FIELD_INVALID, naming file and line, for what is missing or damaged.
 */
export function readOpenBandit(folder: string): Campaign[] {
  const priorsFile = join(folder, 'prior_bts.yaml');
  const priors = priorsSchema.safeParse(yamlOf(priorsFile));
  if (!priors.success) throw fieldError(priorsFile, z.prettifyError(priors.error));
  const campaigns = Object.entries(priors.data).flatMap(([name, { alpha, beta }]) => {
    const [random, thompson] = ['random', 'bts'].map((policy) => join(folder, policy, `${name}.csv`));
    if (fileOf(random) === undefined) return [];
    const itemCount = alpha.length;
    return [
      {
        name,
        itemCount,
        alpha,
        beta,
        random: readLog(random, itemCount),
        thompson: readLog(thompson, itemCount),
      },
    ];
  });
  if (campaigns.length === 0)
    throw fieldError(folder, 'holds no campaign: no random/*.csv of prior_bts.yaml');
  return campaigns;
}

/**
 * The uniform log as rounds with every item as an arm. An arm is an item in a slot, numbered slot · items + item, since clicks and
 * probabilities differ by slot.
 */
export function banditLogOf({ itemCount, random }: Campaign): BanditLog {
  const { items, slots, clicks, propensities } = random;
  const rounds = items.length;
  return {
    offsets: Uint32Array.from({ length: rounds + 1 }, (_, round) => round * itemCount),
    armCount: SLOTS * itemCount,
    arms: Uint32Array.from(
      { length: rounds * itemCount },
      (_, entry) => slots[Math.floor(entry / itemCount)] * itemCount + (entry % itemCount),
    ),
    logged: Float64Array.from(
      { length: rounds * itemCount },
      (_, entry) => propensities[Math.floor(entry / itemCount)],
    ),
    taken: Uint32Array.from({ length: rounds }, (_, round) => round * itemCount + items[round]),
    rewards: clicks,
  };
}

/**
 * By arm: how often Thompson sampling with fixed Beta posteriors puts the item into the slot, from `draws` simulated slates: the
 * slots take the items in order of their draws.
 */
export function thompsonProbabilities(
  { itemCount, alpha, beta }: Campaign,
  draws: number,
  seed: number,
): Float64Array {
  const random = new Random(seed);
  const drawn = new Float64Array(itemCount);
  const probabilities = new Float64Array(SLOTS * itemCount);
  for (let draw = 0; draw < draws; draw++) {
    for (let item = 0; item < itemCount; item++) drawn[item] = random.beta(alpha[item], beta[item]);
    for (let slot = 0; slot < SLOTS; slot++) {
      let best = 0;
      for (let item = 1; item < itemCount; item++) if (drawn[item] > drawn[best]) best = item;
      drawn[best] = -1;
      probabilities[slot * itemCount + best] += 1 / draws;
    }
  }
  return probabilities;
}

const COLUMNS = ['item_id', 'position', 'click', 'propensity_score'] as const;

function readLog(path: string, itemCount: number): CampaignLog {
  const records = recordsOf(path);
  const [header, ...rows] = records;
  const at = COLUMNS.map((name) => {
    const column = header?.indexOf(name) ?? -1;
    if (column < 0) throw fieldError(`${path}:1`, `there is no column ${name}`);
    return column;
  });
  if (rows.length === 0) throw fieldError(path, 'there are no rows under the header');
  const log = {
    items: new Uint32Array(rows.length),
    slots: new Uint8Array(rows.length),
    clicks: new Float64Array(rows.length),
    propensities: new Float64Array(rows.length),
  };
  rows.forEach((cells, row) => {
    const [item, position, click, propensity] = at.map((column) => Number(cells[column] || Number.NaN));
    const fail = (what: string): never => {
      throw fieldError(`${path}:${row + 2}`, what);
    };
    if (!Number.isInteger(item) || item < 0 || item >= itemCount) fail(`item_id: not in [0, ${itemCount})`);
    if (![1, 2, 3].includes(position)) fail('position: not 1, 2 or 3');
    if (click !== 0 && click !== 1) fail('click: not 0 or 1');
    if (!(propensity > 0 && propensity <= 1)) fail('propensity_score: not in (0, 1]');
    log.items[row] = item;
    log.slots[row] = position - 1;
    log.clicks[row] = click;
    log.propensities[row] = propensity;
  });
  return log;
}

function yamlOf(path: string): unknown {
  const text = textOf(path);
  try {
    return YAML.parse(text);
  } catch (error) {
    throw fieldError(path, (error as Error).message);
  }
}

function recordsOf(path: string): string[][] {
  try {
    return parse(textOf(path), { relax_column_count: true });
  } catch (error) {
    if (error instanceof CsvError) throw fieldError(path, error.message);
    throw error;
  }
}

function textOf(path: string): string {
  const file = fileOf(path);
  if (file === undefined) throw fieldError(path, 'there is no such file');
  try {
    const bytes = readFileSync(file);
    return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  } catch (error) {
    throw fieldError(file, (error as Error).message);
  }
}

/** The file, or the same packed. */
function fileOf(path: string): string | undefined {
  return [path, `${path}.gz`].find((file) => existsSync(file));
}
