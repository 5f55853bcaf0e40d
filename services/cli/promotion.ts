import { z } from 'zod';
import type { Bundle, BundleStore, Live } from '../../common/bundle/store.ts';
import { MillraceError } from '../../common/errors.ts';
import { readEventsOf } from '../../common/log/events.ts';
import { findLogReader } from '../../common/log/open-log.ts';
import type { Environment } from '../../common/service.ts';
import { type BundleDrift, driftOnDecisions, latestDecisions } from '../training/bundle-drift.ts';
import { type TrainConfig, trainSchema } from '../training/config.ts';
import { openTrainingSource } from '../training/dataset/source.ts';
import { PairSet } from '../training/positives.ts';
import { configuredLimits } from './offline/composition.ts';

/** Events at the end of the log among which decisions are looked for. */
const TAIL_EVENTS = 200_000;

/** What a promotion came to. */
export interface Promotion {
  readonly live: Live;
  /** From the champion before; absent where no bound is configured or there is nothing to compare with. */
  readonly drift?: BundleDrift;
}

/**
 * Makes a published bundle the champion. DRIFT_EXCEEDED where its scores are further from the champion's than
 * `train.stability.promotion` allows, or that cannot be told; the old champion then serves on. Going back to the previous champion is
 * always allowed.
 */
export async function promote(
  environment: Environment,
  store: BundleStore,
  version: string,
): Promise<Promotion> {
  const bundle = await store.open(version);
  const live = await store.live();
  const { stability } = environment.config.section('train', trainSchema);
  const { driftMax, churnMax } = stability.promotion;
  const bounded = driftMax !== undefined || churnMax !== undefined;
  if (!bounded || live === undefined || version === live.champion || version === live.previous)
    return { live: await store.promote(version) };
  const champion = await store.open(live.champion);
  const drift = await measured(environment, { candidate: bundle, champion }, stability);
  if (drift === undefined)
    throw refused(
      bundle,
      `its drift from ${champion.version} cannot be told: no logged request has features, and it was not trained beside it`,
      {},
    );
  const figures = driftText(drift);
  const over = [
    ...(driftMax !== undefined && !(drift.drift <= driftMax) ? [`drift above ${driftMax}`] : []),
    ...(churnMax !== undefined && !(drift.churn <= churnMax) ? [`churn above ${churnMax}`] : []),
  ];
  if (over.length > 0)
    throw refused(bundle, `${over.join(', ')} from ${champion.version}: ${figures}`, {
      drift: String(drift.drift),
      churn: String(drift.churn),
    });
  return { live: await store.promote(version), drift };
}

/** As `drift 0.0012, churn@10 0.150 over 200 logged requests`. */
export function driftText({ drift, churn, over }: BundleDrift): string {
  return `drift ${drift.toPrecision(3)}, churn@10 ${churn.toFixed(3)} over ${over}`;
}

function refused({ version }: Bundle, why: string, figures: Record<string, string>): MillraceError {
  return new MillraceError('DRIFT_EXCEEDED', `bundle ${version} is not promoted: ${why}`, {
    metadata: { bundle: version, ...figures },
  });
}

async function measured(
  environment: Environment,
  bundles: { candidate: Bundle; champion: Bundle },
  stability: TrainConfig['stability'],
): Promise<BundleDrift | undefined> {
  await using log = await findLogReader(environment.config);
  const decisions =
    log === undefined
      ? []
      : await latestDecisions(
          readEventsOf(log, log.endOffset - TAIL_EVENTS),
          stability.promotion.requestsMax,
        );
  if (decisions.length === 0) return trainedDrift(bundles.candidate, bundles.champion.version);
  return driftOnDecisions(bundles, decisions, stability.distance, async () => {
    await using events = await openTrainingSource(environment.config, 'log');
    const data = await events.read();
    return { data, never: new PairSet(data.catalogue.size), limits: configuredLimits(environment) };
  });
}

const stabilitySchema = z.object({
  stability: z.object({ teacher: z.string(), drift: z.number(), 'churn@10': z.number() }),
});

/** What training measured of the model that decides, where its teacher was the champion. */
function trainedDrift({ manifest }: Bundle, champion: string): BundleDrift | undefined {
  const { secondStage, ranker } = manifest.settings;
  const parsed = stabilitySchema.safeParse(secondStage?.used === true ? secondStage : ranker);
  if (!parsed.success || parsed.data.stability.teacher !== champion) return undefined;
  const { drift, 'churn@10': churn } = parsed.data.stability;
  return { drift, churn, over: 'the validation moments of its training' };
}
