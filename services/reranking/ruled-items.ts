import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { ItemFields } from './item-fields.ts';
import { RuleSet } from './rules/rule-set.ts';
import type { Rule } from './rules/schema.ts';

/** What follows the catalogue, for all bundles: the items' fields and the rules' masks. */
export class RuledItems {
  readonly fields: ItemFields;
  readonly rules: RuleSet;
  readonly #stop: () => void;

  /** Throws CONFIG_INVALID if rules contradict each other; `warn` hears of conditions that no item meets. */
  constructor(catalogue: Catalogue, rules: readonly Rule[], warn: (warning: string) => void) {
    this.fields = new ItemFields(catalogue);
    this.rules = new RuleSet(rules);
    const follow = (ordinal: number): void => this.rules.setItem(ordinal, catalogue.item(ordinal));
    for (let ordinal = 0; ordinal < catalogue.size; ordinal++) follow(ordinal);
    for (const warning of this.rules.check((ordinal) => catalogue.idOf(ordinal))) warn(warning);
    this.#stop = catalogue.onChange(follow);
  }

  /** No longer follows the catalogue. */
  close(): void {
    this.#stop();
    this.fields.close();
  }
}
