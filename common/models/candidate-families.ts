import { alsGrid, alsRefinements, fitAls } from './als.ts';
import { fitBlend } from './blend.ts';
import { bprGrid, fitBpr } from './bpr-mf.ts';
import type { CandidateModel, FitRun, Refinement } from './candidate-model.ts';
import { easeCandidates, easeGrid, easeTrial, fitEase } from './ease.ts';
import { fitIalsCandidates, ialsGrid, ialsRefinements } from './ials.ts';
import type { InteractionMatrix } from './interactions.ts';
import { fitItemToItem, itemToItemGrid, neighbourModel } from './item-to-item.ts';
import { fitLightGcn, lightGcnGrid, lightGcnRefinements, lightGcnTrial } from './light-gcn.ts';
import {
  factorVectors,
  fitNcf,
  gmfDefaults,
  mlpDefaults,
  ncfGrid,
  ncfRefinements,
  ncfTrial,
  neumfDefaults,
} from './ncf.ts';
import { fitPopularity } from './popularity.ts';
import { fitSvd, svdGrid } from './svd.ts';
import { fitTwoTower, twoTowerGrid } from './two-tower.ts';

/** A kind of candidate model with the settings that are worth trying on a data set. */
export interface CandidateFamily {
  /** Settings to choose from by held-out interactions, the default first; fewer where the data is large. */
  grid(matrix: InteractionMatrix): readonly Settings[];
  /** Tried after the grid, one after another. */
  readonly refinements?: readonly Refinement<Settings>[];
  /** A shorter fit that is enough to tell `settings` from the others that are tried. Absent: the fit itself. */
  trial?(settings: Settings): Settings;
  /** `settings`: one of `grid` or `refinements`, or its trial. */
  fit(matrix: InteractionMatrix, settings: Settings, run: FitRun): Promise<CandidateModel>;
}

/** How settings of the neural collaborative filters are chosen beyond their grids. */
const ncfChoice = { refinements: ncfRefinements, trial: ncfTrial };

/** Members of the blend: models that err differently. */
const BLENDED = ['ease', 'ials', 'lightgcn', 'itemknn'];

export type Settings = Readonly<Record<string, unknown>>;

/** Every family by the name that configuration and benchmarks know it by. */
export const CANDIDATE_FAMILIES: Readonly<Record<string, CandidateFamily>> = {
  popularity: typed({
    grid: () => [{}],
    fit: async (matrix) => sameForAll(fitPopularity(matrix).scores),
  }),
  itemknn: typed({
    grid: () => itemToItemGrid,
    fit: async (matrix, options) => neighbourModel(matrix, fitItemToItem(matrix, options)),
  }),
  bprmf: typed({
    grid: () => bprGrid,
    fit: fitBpr,
  }),
  lightgcn: typed({
    grid: lightGcnGrid,
    refinements: lightGcnRefinements,
    trial: lightGcnTrial,
    fit: fitLightGcn,
  }),
  gmf: typed({
    grid: (matrix) => ncfGrid(gmfDefaults, matrix),
    ...ncfChoice,
    fit: async (matrix, options, run) => factorVectors(await fitNcf(matrix, options, run)),
  }),
  mlp: typed({ grid: (matrix) => ncfGrid(mlpDefaults, matrix), ...ncfChoice, fit: fitNcf }),
  neumf: typed({ grid: (matrix) => ncfGrid(neumfDefaults, matrix), ...ncfChoice, fit: fitNcf }),
  twotower: typed({
    grid: twoTowerGrid,
    fit: (matrix, options, run) => fitTwoTower(matrix, options, run),
  }),
  ease: typed({
    grid: () => easeGrid,
    trial: easeTrial,
    fit: async (matrix, options, { threads }) =>
      easeCandidates(await fitEase(matrix, options, threads), matrix),
  }),
  svd: typed({ grid: svdGrid, fit: fitSvd }),
  als: typed({ grid: () => alsGrid, refinements: alsRefinements, fit: fitAls }),
  ials: typed({ grid: () => ialsGrid, refinements: ialsRefinements, fit: fitIalsCandidates }),
  blend: typed({
    grid: () => [{ members: BLENDED }],
    fit: async (matrix, { members }, run) => {
      const models: CandidateModel[] = [];
      for (const name of members) {
        models.push((await chooseAndFit(CANDIDATE_FAMILIES[name], matrix, run)).model);
      }
      const blend = await fitBlend(models, matrix, run.heldOut);
      const weights = Object.fromEntries(
        members.map((name, i) => [name, Number(blend.weights[i].toFixed(2))]),
      );
      return { ...blend, findings: { weights } };
    },
  }),
};

/** A family whose settings have a type of their own. */
function typed<S extends object>(family: {
  grid(matrix: InteractionMatrix): readonly S[];
  readonly refinements?: readonly Refinement<S>[];
  trial?(settings: S): S;
  fit(matrix: InteractionMatrix, settings: S, run: FitRun): Promise<CandidateModel>;
}): CandidateFamily {
  return family as unknown as CandidateFamily;
}

function sameForAll(itemScores: Float32Array): CandidateModel {
  return {
    itemCount: itemScores.length,
    scoreUsers(users, scores) {
      for (let row = 0; row < users.length; row++) scores.set(itemScores, row * itemScores.length);
    },
  };
}

export interface Chosen {
  readonly model: CandidateModel;
  readonly settings: Settings;
  /** Merit on the held-out interactions of each setting that was tried, or of its trial, in the order of grid and refinements. */
  readonly merits: readonly number[];
}

/** Part of the best merit by which a trial must be better: less says little about whole fits. */
const TRIAL_MARGIN = 0.01;

/**
 * Fits every setting of grid and refinements, by its trial where the family has one, and keeps the best by `run.heldOut`, of
 * trials alike the first; the default, where nothing is held out.
 */
export async function chooseAndFit(
  family: CandidateFamily,
  matrix: InteractionMatrix,
  run: FitRun,
): Promise<Chosen> {
  const grid = family.grid(matrix);
  const { heldOut } = run;
  if (heldOut === undefined) {
    return { model: await family.fit(matrix, grid[0], run), settings: grid[0], merits: [] };
  }
  const { trial } = family;
  const margin = trial === undefined ? 0 : TRIAL_MARGIN;
  const { onProgress, ...quiet } = run;
  const merits: number[] = [];
  let bestMerit = Number.NEGATIVE_INFINITY;
  let best: { model: CandidateModel; settings: Settings } | undefined;
  const tryEach = async (candidates: readonly Settings[]): Promise<void> => {
    for (const settings of candidates) {
      const model = await (trial === undefined
        ? family.fit(matrix, settings, run)
        : family.fit(matrix, trial(settings), quiet));
      const merit = await heldOut.merit(model);
      merits.push(merit);
      if (best === undefined || merit > bestMerit + margin * Math.abs(bestMerit)) {
        bestMerit = merit;
        best = { model, settings };
      }
    }
  };
  await tryEach(grid);
  for (const refine of family.refinements ?? []) await tryEach(refine(matrix, best!.settings));
  const { model, settings } = best!;
  return { model: trial === undefined ? model : await family.fit(matrix, settings, run), settings, merits };
}
