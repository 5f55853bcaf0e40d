import { BundlePolicy, type DescribeResponse } from '../gen/millrace/stage/v1/stage.ts';
import type { DegradedReason, RequestContext, StageStatus } from '../gen/millrace/type/v1/type.ts';
import type { BundleHost } from './bundle/host.ts';
import { systemClock } from './clock.ts';
import type { Candidates } from './columns.ts';
import { fieldError } from './errors.ts';
import { projectVersion } from './root.ts';
import type { StageService } from './rpc/services.ts';

/** What a stage says of itself beside its name. */
export interface StageTraits {
  readonly stage: string;
  readonly needsColumns?: readonly string[];
  /** As they are at the time of asking: a stage's columns may depend on its bundles. */
  readonly givesColumns?: () => readonly string[];
  /** Likewise. */
  readonly needsUserState?: () => boolean;
  readonly rowsMax?: number;
  /** What is wrong while it serves on. */
  readonly faults?: () => readonly string[];
}

/** StageService over a stage's bundles. `catalogueEpoch` answers the epoch that the stage has folded. */
export function stageService<T>(
  traits: StageTraits,
  bundles: BundleHost<T>,
  catalogueEpoch: () => number,
): StageService {
  const description = (): DescribeResponse => ({
    stage: traits.stage,
    implementation: 'millrace',
    version: projectVersion,
    needsColumns: [...(traits.needsColumns ?? [])],
    givesColumns: [...(traits.givesColumns?.() ?? [])],
    needsUserState: traits.needsUserState?.() ?? false,
    needsItemIds: false,
    bundlePolicy: BundlePolicy.BUNDLE_POLICY_PINNED,
    rowsMax: traits.rowsMax ?? 10_000,
    faults: [...(traits.faults?.() ?? [])],
  });
  return {
    describe: async () => description(),
    listBundles: async () => ({ bundles: bundles.list(), catalogueEpoch: catalogueEpoch() }),
    loadBundle: async ({ version }) => ({ bundle: await bundles.load(version) }),
    unloadBundle: async ({ version }) => {
      bundles.unload(version);
      return {};
    },
  };
}

/** The status that a stage of this project answers with. */
export function stageStatus(
  stage: string,
  fields: { bundle?: string; catalogueEpoch?: number; degraded?: DegradedReason[] } = {},
): StageStatus {
  return {
    stage,
    implementation: 'millrace',
    version: projectVersion,
    bundle: fields.bundle ?? '',
    catalogueEpoch: fields.catalogueEpoch ?? 0,
    degraded: fields.degraded ?? [],
    durationUs: 0,
  };
}

/** Refuses more candidates than the stage takes. */
export function checkRows({ count }: Candidates, rowsMax: number): void {
  if (count > rowsMax) throw fieldError('candidates.count', `${count} rows; at most ${rowsMax}`);
}

/** The time of a request: its own, or now where it names none. */
export function requestTimeMs({ timeMs }: RequestContext): number {
  return timeMs === 0 ? systemClock.nowMs() : timeMs;
}
