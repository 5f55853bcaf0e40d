import type { PackedArrays } from '../../../common/arrays.ts';
import { ArmStatistics } from './arm-statistics.ts';
import type { Bandit, BanditSettings, BanditSource } from './bandit.ts';
import { Ensemble } from './ensemble.ts';
import { EpsilonGreedy } from './epsilon-greedy.ts';
import { LinUcb } from './lin-ucb.ts';
import { LinearPosterior } from './linear-posterior.ts';
import { LinearThompson } from './linear-thompson.ts';
import { ThompsonBeta } from './thompson-beta.ts';
import { ThompsonGaussian } from './thompson-gaussian.ts';
import { Ucb1 } from './ucb1.ts';

export const BANDITS = [
  'epsilon-greedy',
  'ucb1',
  'thompson-beta',
  'thompson-gaussian',
  'lin-ucb',
  'linear-thompson',
  'ensemble',
] as const;
export type BanditName = (typeof BANDITS)[number];

/** Each bandit as new, or with what was saved of it. What does not fit the settings, or is not finite, is refused by name. */
const table: Record<BanditName, (settings: BanditSettings, saved?: BanditSource) => Bandit> = {
  'epsilon-greedy': (settings, saved) => new EpsilonGreedy(statistics(settings, saved), settings.epsilon),
  ucb1: (settings, saved) => new Ucb1(statistics(settings, saved), settings.epsilon),
  'thompson-beta': (settings, saved) => new ThompsonBeta(statistics(settings, saved)),
  'thompson-gaussian': (settings, saved) => new ThompsonGaussian(statistics(settings, saved)),
  'lin-ucb': (settings, saved) =>
    new LinUcb(posterior(settings, settings.halfLife, 'sums', saved), settings.epsilon),
  'linear-thompson': (settings, saved) =>
    new LinearThompson(posterior(settings, settings.halfLife, 'sums', saved)),
  ensemble: (settings, saved) => {
    const { members } = settings;
    const posteriors = members.map((halfLife, m) => posterior(settings, halfLife, `sums${m}`, saved));
    const array = (name: string, length: number): Float64Array =>
      saved?.array(name, length).slice() ?? new Float64Array(length);
    return new Ensemble(posteriors, Math.min(...members), {
      features: array('features', members.length * settings.dimensions),
      rewards: array('rewards', members.length),
      evidence: array('evidence', members.length),
      regret: array('regret', 1),
      moments: array('moments', 3),
    });
  },
};

export function openBandit(name: BanditName, settings: BanditSettings, saved?: BanditSource): Bandit {
  return table[name](settings, saved);
}

/** What `packArrays` was given under names that begin with `prefix`, and the metadata that it was given. */
export function banditSource(part: PackedArrays, prefix: string, meta: unknown): BanditSource {
  return {
    meta: (schema) => schema.parse(meta),
    array: (name, length) => {
      const values = part.array(prefix + name, 'f64', length);
      const bad = values.findIndex((value) => !Number.isFinite(value));
      if (bad !== -1) throw new RangeError(`array "${prefix}${name}" has ${values[bad]} at ${bad}`);
      return values;
    },
  };
}

function posterior(
  { dimensions }: BanditSettings,
  halfLife: number,
  name: string,
  saved: BanditSource | undefined,
): LinearPosterior {
  return new LinearPosterior(dimensions, halfLife, saved?.array(name, LinearPosterior.length(dimensions)));
}

function statistics({ halfLife }: BanditSettings, saved: BanditSource | undefined): ArmStatistics {
  return saved === undefined ? new ArmStatistics(halfLife) : ArmStatistics.read(halfLife, saved);
}
