import { setImmediate } from 'node:timers/promises';
import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { MillraceError } from '../../common/errors.ts';
import { ItemFields } from './item-fields.ts';
import { noRules, type RuleFile } from './rules/rule-file.ts';
import { type RuleReport, reportOn } from './rules/rule-report.ts';
import { RuleSet } from './rules/rule-set.ts';

/** Items that are told to new rules before requests get their turn. */
const ITEMS_AT_ONCE = 256;

/** What follows the catalogue, for all bundles: the items' fields and the rules in force, at first none. */
export class RuledItems {
  readonly fields: ItemFields;
  readonly #catalogue: Catalogue;
  readonly #stop: () => void;
  #rules = new RuleSet(noRules);
  #coming: RuleSet | undefined;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
    this.fields = new ItemFields(catalogue);
    this.#stop = catalogue.onChange((ordinal) => {
      const item = catalogue.item(ordinal);
      this.#rules.setItem(ordinal, item);
      this.#coming?.setItem(ordinal, item);
    });
  }

  /** The rules in force. */
  get rules(): RuleSet {
    return this.#rules;
  }

  /**
   * Puts rules in force when they know every item; requests go on meanwhile. CONFIG_INVALID where rules contradict each other on
   * this catalogue: those that were in force stay. One call at a time.
   */
  async use(file: RuleFile): Promise<RuleReport> {
    const rules = new RuleSet(file);
    this.#coming = rules;
    try {
      for (let ordinal = 0; ordinal < this.#catalogue.size; ordinal++) {
        if (ordinal % ITEMS_AT_ONCE === ITEMS_AT_ONCE - 1) await setImmediate();
        rules.setItem(ordinal, this.#catalogue.item(ordinal));
      }
      const report = reportOn(rules, this.#catalogue.size, (ordinal) => this.#catalogue.idOf(ordinal));
      if (report.faults.length > 0) throw new MillraceError('CONFIG_INVALID', report.faults.join('\n'));
      for (const { cap } of rules.rules) if (cap?.field !== undefined) this.fields.values(cap.field);
      this.#rules = rules;
      return report;
    } finally {
      this.#coming = undefined;
    }
  }

  /** No longer follows the catalogue. */
  close(): void {
    this.#stop();
    this.fields.close();
  }
}
