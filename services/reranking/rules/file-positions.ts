import { type Document, isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';

/** Keys and indices from a document's root to a value. */
export type ValuePath = readonly PropertyKey[];

/** A YAML text with the lines and columns of its values, both from 1. */
export class PositionedYaml {
  /** Faults of the syntax as `line:column: reason`; `value` says nothing where there are any. */
  readonly faults: readonly string[];
  readonly value: unknown;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;

  constructor(text: string) {
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const { errors, warnings } = this.#document;
    const faults = [...errors, ...warnings].map(({ pos, message }) => `${this.#at(pos[0])}: ${message}`);
    try {
      if (faults.length === 0) this.value = this.#document.toJS();
    } catch (cause) {
      faults.push(`1:1: ${(cause as Error).message}`);
    }
    this.faults = faults;
  }

  /** `line:column` of the value at `path`, or of the innermost value around it that the text has. `key`: of that key in it. */
  position(path: ValuePath, key?: string): string {
    let node: unknown = this.#document.contents;
    let start = startOf(node);
    for (const [depth, step] of [...path, ...(key === undefined ? [] : [key])].entries()) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
        if (pair === undefined) break;
        node = pair.value;
        start = (depth === path.length || !isNode(node) ? startOf(pair) : startOf(node)) ?? start;
      } else if (isSeq(node)) {
        node = node.items[Number(step)];
        if (node === undefined) break;
        start = startOf(node) ?? start;
      } else break;
    }
    return this.#at(start ?? 0);
  }

  #at(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${Math.max(1, line)}:${Math.max(1, col)}`;
  }
}

function startOf(node: unknown): number | undefined {
  if (isPair(node)) return startOf(node.key);
  return isNode(node) ? node.range?.[0] : undefined;
}
