import { bytesOf } from '../../../common/columns.ts';
import { hash32, Random } from '../../../common/random.ts';
import type { Exploration, RequestContext } from '../../../gen/millrace/type/v1/type.ts';
import type { SlatesConfig, SlotsConfig } from './config.ts';
import { armAt, enforceMinimumProbability } from './distributions.ts';
import { ITEM_CONTEXT, ITEM_CONTEXT_LENGTH } from './item-contexts.ts';
import type { ItemExplorer, SlotDraw } from './item-explorer.ts';
import type { Posteriors } from './posteriors.ts';
import { SLATE_CONTEXT, SLATE_CONTEXT_LENGTH, slateContexts } from './slate-contexts.ts';
import { type ArmSlate, type MixedSlot, mixSlates } from './slate-mixture.ts';

/** What exploration is made with. */
export interface SlateExplorationParts {
  readonly slots: SlotsConfig | undefined;
  readonly slates: SlatesConfig | undefined;
  /** Present if `slots` is. */
  readonly explorer: ItemExplorer | undefined;
  /** What was learnt, as of now. */
  readonly posteriors: () => Posteriors;
  readonly idOf: (ordinal: number) => string;
}

/** A slate with its odds. */
export interface ExploredSlate<T> {
  readonly slate: T;
  /** The probability of each item in its slot, given the earlier slots. */
  readonly propensities: Float32Array;
  /** What was drawn: the slate's policy first, then slots. */
  readonly exploration: Exploration[];
}

/** A slate as it was composed; all of it is the caller's to keep. */
export interface ComposedSlate {
  /** Ordinals in the order to show. */
  readonly items: Uint32Array;
}

/**
 * Draws how a request is answered: by which of several slate policies, and what stands in the slots left to exploration. With several
 * policies every one of them is composed, because an item's odds are those over all policies that could have shown the slots before it.
 */
export class SlateExploration {
  readonly #parts: SlateExplorationParts;
  readonly #bonuses: Float64Array | undefined;

  constructor(parts: SlateExplorationParts) {
    const { slates } = parts;
    this.#parts = parts;
    this.#bonuses = slates?.arms.some(({ bonus }) => bonus !== 0)
      ? Float64Array.from(slates.arms, ({ bonus }) => bonus)
      : undefined;
  }

  /**
   * `named`: the policy that the request asks for; empty: one is drawn, or the one in force. `compose` makes the slate of a policy, and
   * has the explorer, if there is one, fill its slots.
   */
  choose<T extends ComposedSlate>(
    context: RequestContext,
    named: string,
    compose: (policy: string, explorer: ItemExplorer | undefined) => T,
  ): ExploredSlate<T> {
    const { slates, explorer } = this.#parts;
    const posteriors = this.#parts.posteriors();
    const made = (policy: string, follow?: Uint32Array): { slate: T } & ArmSlate => {
      const { requestId } = context;
      const { version: posterior, slots: bandit } = posteriors;
      if (bandit !== undefined) explorer?.expect({ requestId, posterior, bandit, follow });
      const slate = compose(policy, explorer);
      return { slate, items: slate.items, draws: explorer?.draws ?? [] };
    };
    if (slates === undefined || posteriors.slates === undefined || named !== '') {
      const only = made(named);
      const { propensities, slots } = mixSlates(Float64Array.of(1), [only], 0);
      return {
        slate: only.slate,
        propensities,
        exploration: this.#slots(slots, only.items, posteriors.version),
      };
    }
    const policy = this.#drawPolicy(context, posteriors);
    const first = made(slates.arms[policy.chosen].policy);
    const all = slates.arms.map((arm, i) => (i === policy.chosen ? first : made(arm.policy, first.items)));
    const { propensities, slots } = mixSlates(policy.probabilities, all, policy.chosen);
    const exploration = [policy.record, ...this.#slots(slots, first.items, posteriors.version)];
    return { slate: first.slate, propensities, exploration };
  }

  #drawPolicy({ requestId, device }: RequestContext, { version, slates: bandit }: Posteriors) {
    const { arms, minimumProbability, bandit: name } = this.#parts.slates as SlatesConfig;
    const ids = arms.map(({ policy }) => policy);
    const contexts = slateContexts(arms.length, device);
    const probabilities = new Float64Array(arms.length);
    const random = new Random(hash32(`policy ${version} slate ${requestId}`));
    bandit?.policy({ count: arms.length, ids, contexts, bonuses: this.#bonuses }, random, probabilities);
    enforceMinimumProbability(probabilities, minimumProbability * arms.length, true);
    const chosen = armAt(probabilities, new Random(hash32(`draw ${version} slate ${requestId}`)).next());
    const record: Exploration = {
      bandit: name,
      posterior: version,
      context: SLATE_CONTEXT,
      arms: ids.map((arm, i) => ({
        arm,
        probability: probabilities[i],
        context: rowBytes(contexts, i, SLATE_CONTEXT_LENGTH),
      })),
      chosen,
      bonus: arms[chosen].bonus,
    };
    return { chosen, probabilities, record };
  }

  #slots(slots: readonly MixedSlot[], shown: Uint32Array, posterior: string): Exploration[] {
    const { idOf } = this.#parts;
    return slots.map(({ slot, odds, draw }) => {
      const items = [...odds.keys()];
      return {
        slot,
        bandit: draw === undefined ? MIXED : (this.#parts.slots?.bandit ?? MIXED),
        posterior,
        context: draw === undefined ? '' : ITEM_CONTEXT,
        arms: items.map((item) => ({
          arm: idOf(item),
          probability: Math.min(1, odds.get(item) as number),
          context: contextOf(draw, item),
        })),
        chosen: items.indexOf(shown[slot]),
        bonus: bonusOf(draw, shown[slot]),
      };
    });
  }
}

/** The bandit of a slot that is random only because the slate's policy is. */
const MIXED = 'slate';
const NO_BYTES = Buffer.alloc(0);

function contextOf(draw: SlotDraw | undefined, item: number): Buffer {
  const arm = draw?.items.indexOf(item) ?? -1;
  return draw === undefined || arm === -1 ? NO_BYTES : rowBytes(draw.contexts, arm, ITEM_CONTEXT_LENGTH);
}

function bonusOf(draw: SlotDraw | undefined, item: number): number {
  const arm = draw?.items.indexOf(item) ?? -1;
  return draw === undefined || arm === -1 ? 0 : draw.bonuses[arm];
}

function rowBytes(values: Float32Array, row: number, length: number): Buffer {
  return bytesOf(values.subarray(row * length, (row + 1) * length));
}
