import { afterEach, describe, expect, test } from 'vitest';
import { Candidates } from '../../../common/columns.ts';
import { Code } from '../../../common/errors.ts';
import { BundlePolicy, BundleState, type DescribeResponse } from '../../../gen/millrace/stage/v1/stage.ts';
import type { RequestContext, StageStatus } from '../../../gen/millrace/type/v1/type.ts';
import { expectRefusal, type Target } from '../target.ts';
import { call } from '../world.ts';

const UNKNOWN_BUNDLE = 'never-published';
const NO_STAGE_SERVICE = 'this stage leaves StageService out';
/** So many rows fit a message of 4 MB with a few columns. */
const ROWS_TRIED_MAX = 20_000;

/** How a suite asks a stage. */
export interface StageProbe {
  /** The stage's name, as `ranking`. */
  readonly name: string;
  /** Asks with candidates (default: an ordinary request's) and with some fields of the context set. */
  answer(asked: { context?: Partial<RequestContext>; candidates?: Candidates }): Promise<StageAnswer>;
  /** The candidates of an ordinary request; undefined for a stage that takes none. */
  readonly candidates: Candidates | undefined;
}

interface StageAnswer {
  readonly status?: StageStatus | undefined;
  readonly candidates: Candidates;
}

/** What a stage says of itself holds, and it follows the bundle that a request names. */
export function stageSuite(target: Target<unknown>, probe: StageProbe): void {
  const { stage, world, foreign } = target;
  const describeStage = (): Promise<DescribeResponse | undefined> =>
    stage === undefined
      ? Promise.resolve(undefined)
      : stage.describe({}, call()).catch((error) => {
          if (foreign && error.code === Code.UNIMPLEMENTED) return undefined;
          throw error;
        });

  describe('what it says of itself', () => {
    test('the status of an answer names the stage and who answered', async () => {
      const { status } = await probe.answer({});
      expect(status?.stage).toBe(probe.name);
      expect(status?.implementation).not.toBe('');
    });

    test('Describe agrees with the answers', async (context) => {
      const described = await describeStage();
      if (described === undefined) return context.skip(NO_STAGE_SERVICE);
      const { status, candidates } = await probe.answer({});
      expect(described).toMatchObject({ stage: probe.name, implementation: status?.implementation });
      expect(described.version).toBe(status?.version);
      expect([...candidates.columns.keys()]).toEqual(expect.arrayContaining(described.givesColumns));
      expect(described.rowsMax).toBeGreaterThan(0);
      if (!foreign) expect(new Set(described.givesColumns)).toEqual(new Set(candidates.columns.keys()));
    });

    test('a request without a column that Describe needs is refused', async (context) => {
      const described = await describeStage();
      const { candidates } = probe;
      if (described === undefined) return context.skip(NO_STAGE_SERVICE);
      if (candidates === undefined) return context.skip('this stage takes no candidates');
      for (const needed of described.needsColumns) {
        const lacking = new Map([...candidates.columns].filter(([name]) => name !== needed));
        const answer = probe.answer({
          candidates: new Candidates(candidates.items, lacking, candidates.ids),
        });
        await expectRefusal(target, answer, Code.INVALID_ARGUMENT, 'COLUMN_MISSING');
      }
    });

    test('more rows than Describe allows are refused', async (context) => {
      const described = await describeStage();
      if (described === undefined) return context.skip(NO_STAGE_SERVICE);
      if (probe.candidates === undefined) return context.skip('this stage takes no candidates');
      if (described.rowsMax > ROWS_TRIED_MAX) return context.skip('a message holds no more rows than that');
      const many = world.candidates(described.rowsMax + 1);
      await expectRefusal(target, probe.answer({ candidates: many }), Code.INVALID_ARGUMENT, 'FIELD_INVALID');
    });

    test('a damaged user state is refused where the state is needed', async (context) => {
      const described = await describeStage();
      if (foreign) return context.skip('a foreign stage may take it for nobody');
      if (!described?.needsUserState) return context.skip('this stage does not read it');
      const answer = probe.answer({ context: { userState: Buffer.from('no state') } });
      await expectRefusal(target, answer, Code.INVALID_ARGUMENT, 'FIELD_INVALID');
    });
  });

  bundleSuite(target, probe, describeStage);
}

function bundleSuite(
  target: Target<unknown>,
  probe: StageProbe,
  describeStage: () => Promise<DescribeResponse | undefined>,
): void {
  const { stage, world, foreign } = target;

  describe('bundles', () => {
    afterEach(async () => {
      await probe.answer({});
    });

    test('an unknown bundle is BUNDLE_NOT_LOADED, unless the policy is ANY', async () => {
      const policy = (await describeStage())?.bundlePolicy ?? BundlePolicy.BUNDLE_POLICY_ANY;
      const answer = probe.answer({ context: { bundle: UNKNOWN_BUNDLE } });
      if (policy === BundlePolicy.BUNDLE_POLICY_ANY) await answer;
      else await expectRefusal(target, answer, Code.FAILED_PRECONDITION, 'BUNDLE_NOT_LOADED');
    });

    test('the bundle that was named answers, and the champion where none was', async (context) => {
      if (foreign) return context.skip('the bundles of a stage under TARGET are its own');
      const named = await probe.answer({ context: { bundle: world.bundle } });
      const unnamed = await probe.answer({});
      expect([named.status?.bundle, unnamed.status?.bundle]).toEqual([world.bundle, world.bundle]);
    });

    test('a loaded bundle is listed READY and may be loaded again; an unknown one cannot be', async (context) => {
      if (foreign || stage === undefined)
        return context.skip('the bundles of a stage under TARGET are its own');
      const { bundles, catalogueEpoch } = await stage.listBundles({}, call());
      const ready = { version: world.bundle, state: BundleState.BUNDLE_STATE_READY };
      expect(bundles).toEqual([expect.objectContaining(ready)]);
      expect(catalogueEpoch).toBe((await probe.answer({})).status?.catalogueEpoch);
      expect((await stage.loadBundle({ version: world.bundle }, call())).bundle).toMatchObject(ready);
      const unknown = stage.loadBundle({ version: UNKNOWN_BUNDLE }, call());
      await expectRefusal(target, unknown, Code.NOT_FOUND, 'BUNDLE_UNKNOWN');
      await stage.unloadBundle({ version: UNKNOWN_BUNDLE }, call());
    });

    test('the champion is not unloaded', async (context) => {
      if (foreign || stage === undefined)
        return context.skip('the bundles of a stage under TARGET are its own');
      const unloading = stage.unloadBundle({ version: world.bundle }, call());
      await expectRefusal(target, unloading, Code.FAILED_PRECONDITION, 'BUNDLE_PINNED');
    });
  });
}
