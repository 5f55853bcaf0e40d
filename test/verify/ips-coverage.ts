import type { BanditLog } from '../../common/ope/bandit-log.ts';
import { ESTIMATORS, type EstimatorName } from '../../common/ope/estimators.ts';
import { valuePolicy } from '../../common/ope/policy-value.ts';
import { Random } from '../../common/random.ts';
import { tableLines } from '../../services/cli/table.ts';
import { Audience } from '../../services/simulator/audience.ts';
import { readFilms } from '../../services/simulator/film-catalogue.ts';
import { monthAudience, monthParametersHash } from '../../services/simulator/parameters.ts';
import type { ProofOptions } from './proof.ts';

const SEED = 4_242;
/** Films that a moment chooses from, and moments of which each round is one. */
const ARMS = 10;
const MOMENTS = 400;
const ROUNDS = 4_000;
/** The target takes the most attractive film, but one at random with this probability. */
const EPSILON = 0.2;
/** Share of intervals of 95% that must hold the truth: what chance leaves room for in 500 logs, and no more. */
const COVERAGE = { low: 0.92, high: 0.98 };

/** The moments: each a user with some films, the true click probability of each, and how often the target policy takes it. */
interface World {
  readonly clicks: Float64Array;
  readonly target: Float64Array;
  /** Mean click probability of what the target policy takes. */
  readonly truth: number;
}

/**
 * Simulates uniform logs of the audience and values a policy on each: the 95% intervals of IPS must hold the policy's true value
 * in 92–98% of 500 logs. Prints the same of every estimator and of the bootstrap's intervals.
 */
export async function verifyIpsCoverage({ short, print }: ProofOptions): Promise<boolean> {
  const logs = short ? 100 : 500;
  const samples = short ? 0 : 200;
  const world = makeWorld();
  const names = Object.keys(ESTIMATORS) as EstimatorName[];
  const tallies = names.map(() => ({ normal: 0, bootstrap: 0, sum: 0, width: 0 }));
  for (let log = 0; log < logs; log++) {
    const rounds = drawLog(world, new Random(SEED + 1 + log));
    const target = Float64Array.from(
      rounds.arms,
      (_, entry) => world.target[rounds.moments[Math.floor(entry / ARMS)] * ARMS + (entry % ARMS)],
    );
    valuePolicy(rounds, target, { samples, seed: SEED + log }).values.forEach(
      ({ value, normal, bootstrap }, i) => {
        const holds = (low: number, high: number): number =>
          Number(low <= world.truth && world.truth <= high);
        tallies[i].sum += value;
        tallies[i].width += normal.high - normal.low;
        tallies[i].normal += holds(normal.low, normal.high);
        if (bootstrap !== undefined) tallies[i].bootstrap += holds(bootstrap.low, bootstrap.high);
      },
    );
  }
  print(
    `${logs} uniform logs of ${ROUNDS} rounds, ${ARMS} arms; true value ${world.truth.toFixed(5)}; seed ${SEED}, parameters ${monthParametersHash()}`,
  );
  const columns = [
    { title: 'estimator' },
    ...['mean', 'mean width', 'normal holds', 'bootstrap holds'].map(
      (title) => ({ title, align: 'right' }) as const,
    ),
  ];
  const rows = names.map((name, i) => [
    name,
    (tallies[i].sum / logs).toFixed(5),
    (tallies[i].width / logs).toFixed(5),
    percent(tallies[i].normal / logs),
    samples === 0 ? '' : percent(tallies[i].bootstrap / logs),
  ]);
  for (const line of tableLines(columns, rows)) print(line);
  const covered = tallies[names.indexOf('ips')].normal / logs;
  const room = short ? 0.03 : 0;
  return covered >= COVERAGE.low - room && covered <= COVERAGE.high + room;
}

function makeWorld(): World {
  const random = new Random(SEED);
  const audience = new Audience(readFilms().slice(0, 600), { ...monthAudience, userCount: MOMENTS });
  const clicks = new Float64Array(MOMENTS * ARMS);
  const target = new Float64Array(MOMENTS * ARMS).fill(EPSILON / ARMS);
  let truth = 0;
  for (let moment = 0; moment < MOMENTS; moment++) {
    const films = random.shuffle(Uint32Array.from(audience.films.keys())).subarray(0, ARMS);
    films.forEach((film, arm) => {
      clicks[moment * ARMS + arm] = audience.trueClickProbability(moment, film, audience.parameters.startMs);
    });
    const drawing = Array.from(films, (film) => audience.attraction.base[film]);
    target[moment * ARMS + drawing.indexOf(Math.max(...drawing))] += 1 - EPSILON;
    for (let arm = 0; arm < ARMS; arm++)
      truth += (target[moment * ARMS + arm] * clicks[moment * ARMS + arm]) / MOMENTS;
  }
  return { clicks, target, truth };
}

function drawLog({ clicks }: World, random: Random): BanditLog & { readonly moments: Uint32Array } {
  const moments = Uint32Array.from({ length: ROUNDS }, () => random.int(MOMENTS));
  const arms = Uint32Array.from({ length: ROUNDS }, () => random.int(ARMS));
  return {
    moments,
    offsets: Uint32Array.from({ length: ROUNDS + 1 }, (_, round) => round * ARMS),
    armCount: MOMENTS * ARMS,
    arms: Uint32Array.from(
      { length: ROUNDS * ARMS },
      (_, entry) => moments[Math.floor(entry / ARMS)] * ARMS + (entry % ARMS),
    ),
    logged: new Float64Array(ROUNDS * ARMS).fill(1 / ARMS),
    taken: arms.map((arm, round) => round * ARMS + arm),
    rewards: Float64Array.from(arms, (arm, round) =>
      Number(random.next() < clicks[moments[round] * ARMS + arm]),
    ),
  };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
