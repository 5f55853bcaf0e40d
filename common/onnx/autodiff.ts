import { gradientRules } from './gradient-rules.ts';
import type { Node, Value } from './graph.ts';
import { add } from './operators.ts';
import { formatShape } from './shapes.ts';

/**
 * Extends the graph of `loss`, a float32 scalar, with its backward pass: reverse-mode automatic differentiation. Returns
 * d loss / d value for each of `values`, in their order and shapes. Throws where the loss does not depend on a value, or
 * an operator between them has no gradient.
 */
export function gradients(loss: Value, values: readonly Value[]): Value[] {
  if (loss.shape.length > 0)
    throw new Error(`loss '${loss.name}' is ${formatShape(loss.shape)}, not a scalar`);
  const { graph } = loss;
  const dependent = dependents(graph.nodes, values);
  const known = new Map<Value, Value>([[loss, graph.scalar(1)]]);
  const forward = graph.nodes.slice();
  for (let i = forward.length - 1; i >= 0; i--) {
    const node = forward[i];
    const gradient = known.get(node.output);
    if (gradient !== undefined && dependent.has(node.output)) propagate(node, gradient, dependent, known);
  }
  return values.map((value) => {
    const gradient = known.get(value);
    if (gradient === undefined) throw new Error(`loss '${loss.name}' does not depend on '${value.name}'`);
    return gradient;
  });
}

/** All that is computed from `values` through float32 tensors, and they themselves. */
function dependents(nodes: readonly Node[], values: readonly Value[]): ReadonlySet<Value> {
  const dependent = new Set(values);
  for (const { inputs, output } of nodes) {
    if (output.type === 'float32' && inputs.some((input) => dependent.has(input))) dependent.add(output);
  }
  return dependent;
}

function propagate(
  node: Node,
  gradient: Value,
  dependent: ReadonlySet<Value>,
  known: Map<Value, Value>,
): void {
  const rule = gradientRules[node.op];
  if (rule === undefined) throw new Error(`${node.output.name}: operator ${node.op} has no gradient`);
  rule(node, gradient).forEach((part, i) => {
    const input = node.inputs[i];
    if (part === undefined || !dependent.has(input)) return;
    const sum = known.get(input);
    known.set(input, sum === undefined ? part : add(sum, part));
  });
}
