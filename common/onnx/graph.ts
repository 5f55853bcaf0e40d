import type { Shape } from './shapes.ts';
import { formatShape, staticSize } from './shapes.ts';

export type ElementType = 'float32' | 'int64' | 'bool';

/** A tensor in a graph: an input, a parameter, a constant or the output of a node. `name` is unique in its graph. */
export interface Value {
  readonly graph: Graph;
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
}

/** A trainable float32 tensor of static shape. Training writes `data` in place; a serving model carries it. */
export interface Parameter extends Value {
  readonly data: Float32Array;
  /** Whether L1, L2 and weight decay apply: true for weights, false for biases. */
  readonly regularised: boolean;
}

export interface Constant extends Value {
  readonly data: Float32Array | BigInt64Array;
}

/** An ONNX attribute, tagged by its kind. */
export type Attribute =
  | { readonly int: number }
  | { readonly ints: ArrayLike<number> }
  | { readonly floats: ArrayLike<number> }
  | { readonly strings: readonly string[] }
  | { readonly string: string };

export type Attributes = Readonly<Record<string, Attribute>>;

/** Rows of a table taken by ids, and pooled where it is a bag: a part of the graph that training does outside it. */
export interface Lookup {
  readonly table: Parameter;
  /** An int64 input. */
  readonly ids: Value;
  /** The rows taken, before pooling. */
  readonly rows: Value;
  readonly bag?: { readonly mask: Value; readonly pooling: 'mean' | 'sum' };
  readonly output: Value;
}

/** One operator with one output, which carries the node's name. */
export interface Node {
  readonly op: string;
  readonly inputs: readonly Value[];
  readonly output: Value;
  readonly attributes: Attributes;
  /** Of the operator; absent: ONNX's own. */
  readonly domain?: Domain;
}

/** Sets of operators besides ONNX's own. */
export type Domain = 'ai.onnx.ml';

/**
 * A float32 ONNX graph under construction. Nodes are added by the functions of `operators.ts`, which infer and check
 * shapes as they build, so that a graph that exists is well formed. Nodes stand in topological order. Forward pass, loss
 * and backward pass live in one graph; `encode.ts` exports the part that the wanted outputs need.
 */
export class Graph {
  readonly inputs: Value[] = [];
  readonly parameters: Parameter[] = [];
  readonly nodes: Node[] = [];
  readonly lookups: Lookup[] = [];
  readonly #constants = new Map<string, Constant>();
  readonly #names = new Set<string>();
  #prefix = '';

  get constants(): Iterable<Constant> {
    return this.#constants.values();
  }

  /** What `build` makes, each name of its begun with `prefix`; shared scalars and integers have no prefix. */
  within<T>(prefix: string, build: () => T): T {
    const outer = this.#prefix;
    this.#prefix = outer + prefix;
    try {
      return build();
    } finally {
      this.#prefix = outer;
    }
  }

  input(name: string, shape: Shape, type: 'float32' | 'int64' = 'float32'): Value {
    const value: Value = { graph: this, name: this.claim(name), type, shape };
    this.inputs.push(value);
    return value;
  }

  /** `data` holds the initial values, row-major, and is kept, not copied. */
  parameter(name: string, shape: readonly number[], data: Float32Array, regularised = true): Parameter {
    checkLength(name, shape, data.length);
    const value = { graph: this, name: this.claim(name), type: 'float32' as const, shape, data, regularised };
    this.parameters.push(value);
    return value;
  }

  /** A float32 tensor that training does not touch. */
  constant(name: string, shape: readonly number[], data: Float32Array): Constant {
    checkLength(name, shape, data.length);
    const value = { graph: this, name: this.claim(name), type: 'float32' as const, shape, data };
    this.#constants.set(value.name, value);
    return value;
  }

  /** A float32 scalar; equal ones are one value. */
  scalar(number: number): Constant {
    return this.#shared(`scalar ${Object.is(number, -0) ? '-0' : number}`, 'float32', [], () =>
      Float32Array.of(number),
    );
  }

  /** A one-dimensional int64 tensor (axes, shapes, indices); equal ones are one value. */
  integers(numbers: readonly number[]): Constant {
    return this.#shared(`integers ${numbers.join(',')}`, 'int64', [numbers.length], () =>
      BigInt64Array.from(numbers, BigInt),
    );
  }

  /** Adds a node whose output was inferred by the caller. For `operators.ts`. */
  node(
    op: string,
    name: string,
    inputs: readonly Value[],
    output: { readonly type: ElementType; readonly shape: Shape },
    attributes: Attributes = {},
    domain?: Domain,
  ): Value {
    for (const input of inputs) {
      if (input.graph !== this) throw new Error(`${name} (${op}): input '${input.name}' is of another graph`);
    }
    const value: Value = { graph: this, name: this.claim(name), type: output.type, shape: output.shape };
    this.nodes.push({ op, inputs, output: value, attributes, ...(domain && { domain }) });
    return value;
  }

  /** `name`, or a free one made from `op`. */
  nodeName(op: string, name?: string): string {
    return name ?? `${op}_${this.nodes.length}`;
  }

  #shared(name: string, type: ElementType, shape: readonly number[], data: () => Constant['data']): Constant {
    const known = this.#constants.get(name);
    if (known !== undefined) return known;
    const outer = this.#prefix;
    this.#prefix = '';
    const value = { graph: this, name: this.claim(name), type, shape, data: data() };
    this.#prefix = outer;
    this.#constants.set(name, value);
    return value;
  }

  private claim(inner: string): string {
    const name = this.#prefix + inner;
    if (this.#names.has(name)) throw new Error(`the graph already has a value named '${name}'`);
    this.#names.add(name);
    return name;
  }
}

/** All that `outputs` are computed from, and they themselves; what computes a value of `cut` is left out. */
export function neededBy(graph: Graph, outputs: readonly Value[], cut: readonly Value[] = []): Set<Value> {
  const needed = new Set(outputs);
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i];
    if (needed.has(node.output) && !cut.includes(node.output))
      for (const input of node.inputs) needed.add(input);
  }
  return needed;
}

function checkLength(name: string, shape: readonly number[], length: number): void {
  const size = staticSize(shape);
  if (size !== length) {
    throw new Error(`'${name}' of shape ${formatShape(shape)} takes ${size} values, got ${length}`);
  }
}
