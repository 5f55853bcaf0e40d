import { Columns } from '../../../common/columns.ts';
import type { SlateResult } from '../../reranking/stage.ts';
import type { LoggedRequest } from './logged-requests.ts';

/** What a rule did to all requests. */
export interface RuleTally {
  readonly rule: string;
  readonly effect: string;
  /** Requests in which it did something. */
  requests: number;
  times: number;
  /** Requests in which it could not be met. */
  unmet: number;
  /** How often it fired on each item, by ordinal. */
  readonly items: Map<number, number>;
}

/** How slates differ with the rules, over all requests. */
export interface SlateChanges {
  requests: number;
  /** Requests whose slate is another. */
  changed: number;
  /** Items that came in, for each of which one went out. */
  itemsIn: number;
  /** Items that stayed in another position, and by how many positions. */
  moved: number;
  positions: number;
  /** Sums of ranking's scores over the slates without and with the rules. */
  scoreWithout: number;
  scoreWith: number;
}

/** Adds up what rules do to requests. */
export class DryRun {
  readonly rules: ReadonlyMap<string, RuleTally>;
  readonly changes: SlateChanges = {
    requests: 0,
    changed: 0,
    itemsIn: 0,
    moved: 0,
    positions: 0,
    scoreWithout: 0,
    scoreWith: 0,
  };

  constructor(rules: readonly { readonly name: string; readonly effect: string }[]) {
    this.rules = new Map(
      rules.map(({ name, effect }) => [
        name,
        { rule: name, effect, requests: 0, times: 0, unmet: 0, items: new Map() },
      ]),
    );
  }

  /** One request, and its slates without and with the rules. */
  add(request: LoggedRequest, without: SlateResult, ruled: SlateResult): void {
    const fired = new Set<RuleTally>();
    for (const { rule, item } of ruled.firings) {
      const tally = this.rules.get(rule) as RuleTally;
      tally.times++;
      tally.items.set(item, (tally.items.get(item) ?? 0) + 1);
      fired.add(tally);
    }
    for (const tally of fired) tally.requests++;
    for (const { constraint } of ruled.unmet) {
      const tally = constraint.startsWith('rule ')
        ? this.rules.get(constraint.slice('rule '.length))
        : undefined;
      if (tally !== undefined) tally.unmet++;
    }
    this.#compare(request, without.candidates.items, ruled.candidates.items);
  }

  #compare({ candidates }: LoggedRequest, before: Uint32Array, after: Uint32Array): void {
    const { changes } = this;
    const scores = candidates.column(Columns.ranking);
    const sum = (items: Uint32Array): number =>
      items.reduce((total, item) => total + scores[candidates.items.indexOf(item)], 0);
    changes.requests++;
    changes.scoreWithout += sum(before);
    changes.scoreWith += sum(after);
    let isChanged = false;
    for (const [position, item] of after.entries()) {
      const earlier = before.indexOf(item);
      if (earlier === position) continue;
      isChanged = true;
      if (earlier < 0) changes.itemsIn++;
      else {
        changes.moved++;
        changes.positions += Math.abs(earlier - position);
      }
    }
    if (isChanged || before.length !== after.length) changes.changed++;
  }
}
