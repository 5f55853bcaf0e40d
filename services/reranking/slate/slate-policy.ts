import { adjustedMinima } from '../fairness/fa-ir.ts';
import type { ItemGroup } from '../fairness/item-group.ts';
import type { ObjectiveRows } from '../objectives/objective.ts';
import { relevance } from '../objectives/relevance.ts';
import type { ObjectiveParts } from '../objectives/table.ts';
import { Utility } from '../objectives/utility.ts';
import type { ConstraintSettings, PolicySettings } from '../policy-schema.ts';
import type { SlateOrder } from './assembler.ts';
import { DppSelector } from './dpp.ts';
import { GroupMinimum, spreadMinima } from './group-minimum.ts';
import { MmrSelector } from './mmr.ts';
import { RelevanceFloor } from './relevance-floor.ts';
import type { Selector } from './selector.ts';
import type { Reserve } from './shortlist.ts';
import type { SlateConstraint } from './slate-constraint.ts';
import { WindowCap } from './window-cap.ts';

/** A constraint for slates of one policy. */
interface PolicyConstraint {
  /** What the shortlist must hold of it for a slate of `size`. */
  reserves(size: number): Reserve[];
  over(rows: ObjectiveRows, size: number): SlateConstraint;
}

/** A named way to choose slates: what its objectives weigh, how alikeness counts, what it keeps to. */
export class SlatePolicy {
  readonly depth: number;
  readonly ruleSet: string;
  readonly selector: Selector;
  readonly #utility: Utility;
  readonly #constraints: readonly PolicyConstraint[];

  /** `groups`: those that the settings' constraints name, among others. */
  constructor(settings: PolicySettings, parts: ObjectiveParts, groups: ReadonlyMap<string, ItemGroup>) {
    this.depth = settings.depth;
    this.ruleSet = settings.ruleSet;
    this.#utility = new Utility(settings.weights, parts);
    const { lambda } = this.#utility;
    this.selector = settings.selector === 'dpp' ? new DppSelector(lambda) : new MmrSelector(lambda);
    this.#constraints = [
      ...settings.constraints.map((constraint) => policyConstraint(constraint, groups)),
      ...settings.caps.map(({ field, itemsMax, window }) => {
        const name = `cap ${field}`;
        const cap = new WindowCap(parts.fields.values(field), {
          name,
          authority: 'objective',
          itemsMax,
          window,
        });
        return { reserves: () => [], over: () => cap };
      }),
    ];
  }

  reserves(size: number): Reserve[] {
    return this.#constraints.flatMap((constraint) => constraint.reserves(size));
  }

  /** The rows' utilities, valid until the next call, and what the policy keeps to in a slate of `size`. */
  order(
    rows: ObjectiveRows,
    size: number,
  ): Required<Pick<SlateOrder, 'items' | 'utilities' | 'constraints'>> {
    return {
      items: rows.items,
      utilities: this.#utility.of(rows),
      constraints: this.#constraints.map((constraint) => constraint.over(rows, size)),
    };
  }
}

function policyConstraint(
  settings: ConstraintSettings,
  groups: ReadonlyMap<string, ItemGroup>,
): PolicyConstraint {
  if ('relevanceLossMax' in settings) return relevanceConstraint(settings.relevanceLossMax);
  const group = groups.get(settings.group) as ItemGroup;
  if ('shareMin' in settings) {
    const { shareMin } = settings;
    return minimum(group, `least ${group.name}`, (size) => spreadMinima(Math.ceil(shareMin * size), size));
  }
  const { proportion, significance } = settings;
  return minimum(
    group,
    `fair ${group.name}`,
    (size) => adjustedMinima(size, proportion, significance).minima,
  );
}

function minimum(group: ItemGroup, name: string, minimaOf: (size: number) => Uint16Array): PolicyConstraint {
  const known = new Map<number, Uint16Array>();
  const minima = (size: number): Uint16Array => {
    let values = known.get(size);
    if (values === undefined) {
      values = minimaOf(size);
      known.set(size, values);
    }
    return values;
  };
  return {
    reserves: (size) => [{ group, count: minima(size)[size - 1] }],
    over: ({ items, nowMs }, size) => {
      const members = Uint8Array.from(items, (item) => (group.has(item, nowMs) ? 1 : 0));
      return new GroupMinimum({ name, authority: 'objective' }, members, minima(size));
    },
  };
}

function relevanceConstraint(lossMax: number): PolicyConstraint {
  return {
    reserves: () => [],
    over: (rows) => {
      const normalised = new Float64Array(rows.items.length);
      relevance.write(rows, normalised);
      return new RelevanceFloor(normalised, lossMax);
    },
  };
}
