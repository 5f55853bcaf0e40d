/** One dimension: a size, or the name of a size that is known only when the graph runs (the batch is `N`). */
export type Dimension = number | string;

export type Shape = readonly Dimension[];

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, i) => dimension === b[i]);
}

/** Product of `shape`, or undefined when a dimension is symbolic. */
export function staticSize(shape: Shape): number | undefined {
  let size = 1;
  for (const dimension of shape) {
    if (typeof dimension === 'string') return undefined;
    size *= dimension;
  }
  return size;
}

/**
 * The common shape of two operands by ONNX's multidirectional broadcasting. A symbolic dimension fits itself and 1 only.
 * Throws naming `node` and both shapes where they do not fit.
 */
export function broadcastShape(node: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const shape: Dimension[] = [];
  for (let i = 0; i < rank; i++) {
    const left = a[i - rank + a.length] ?? 1;
    const right = b[i - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new Error(`${node}: ${formatShape(a)} and ${formatShape(b)} do not broadcast`);
    }
    shape.push(left === 1 ? right : left);
  }
  return shape;
}

/** The axes of `from` that must be summed to come back to `to`, where `to` broadcasts to `from`. */
export function broadcastAxes(from: Shape, to: Shape): { leading: number[]; kept: number[] } {
  const extra = from.length - to.length;
  const leading = Array.from({ length: extra }, (_, axis) => axis);
  const kept: number[] = [];
  to.forEach((dimension, axis) => {
    if (dimension === 1 && from[axis + extra] !== 1) kept.push(axis + extra);
  });
  return { leading, kept };
}

/** `axis` counted from the front; a negative one counts from the back. Throws naming `node` when it is out of range. */
export function normaliseAxis(node: string, axis: number, shape: Shape): number {
  const normal = axis < 0 ? axis + shape.length : axis;
  if (!Number.isInteger(axis) || normal < 0 || normal >= shape.length) {
    throw new Error(`${node}: axis ${axis} is outside shape ${formatShape(shape)}`);
  }
  return normal;
}
