import type { Attribute, Constant, Node, Value } from './graph.ts';
import {
  div,
  exp,
  expandLike,
  gemm,
  greater,
  matmul,
  mul,
  neg,
  padAxis,
  reduceSum,
  reshape,
  scatterRows,
  sigmoid,
  sign,
  sizeOf,
  slice,
  sub,
  transpose,
  unsqueeze,
  where,
} from './operators.ts';
import { broadcastAxes } from './shapes.ts';

/** The gradients of a node's inputs, given its output's. Undefined: no gradient flows to that input. */
type Rule = (node: Node, gradient: Value) => readonly (Value | undefined)[];

/** Reverse-mode rules by ONNX operator. An operator without one cannot lie between a loss and a parameter. */
export const gradientRules: Readonly<Record<string, Rule>> = {
  Add: ({ inputs: [a, b] }, g) => [unbroadcast(g, a!), unbroadcast(g, b!)],
  Sub: ({ inputs: [a, b] }, g) => [unbroadcast(g, a!), unbroadcast(neg(g), b!)],
  Mul: ({ inputs: [a, b] }, g) => [unbroadcast(mul(g, b!), a!), unbroadcast(mul(g, a!), b!)],
  Div: ({ inputs: [a, b], output: y }, g) => {
    const scaled = div(g, b!);
    return [unbroadcast(scaled, a!), unbroadcast(neg(mul(scaled, y)), b!)];
  },
  Where: ({ inputs: [condition, a, b] }, g) => [
    undefined,
    unbroadcast(where(condition!, g, 0), a!),
    unbroadcast(where(condition!, 0, g), b!),
  ],
  Neg: (_, g) => [neg(g)],
  Abs: ({ inputs: [x] }, g) => [mul(g, sign(x!))],
  Sign: () => [undefined],
  Relu: ({ output: y }, g) => [where(greater(y, 0), g, 0)],
  Sigmoid: ({ output: y }, g) => [mul(g, mul(y, sub(1, y)))],
  Tanh: ({ output: y }, g) => [mul(g, sub(1, mul(y, y)))],
  Softplus: ({ inputs: [x] }, g) => [mul(g, sigmoid(x!))],
  Log: ({ inputs: [x] }, g) => [div(g, x!)],
  Exp: ({ output: y }, g) => [mul(g, y)],
  Sqrt: ({ output: y }, g) => [div(mul(g, 0.5), y)],
  MatMul: matmulRule,
  Gemm: gemmRule,
  Transpose: ({ attributes }, g) => [transpose(g, inverse(ints(attributes.perm)))],
  Reshape: ({ inputs: [x] }, g) => [reshape(g, x!.shape), undefined],
  Unsqueeze: ({ inputs: [, axes] }, g) => [reduceSum(g, { axes: integers(axes) }), undefined],
  Concat: concatRule,
  Slice: sliceRule,
  Gather: gatherRule,
  ReduceSum: (node, g) => [expandLike(withReducedAxes(node, g), node.inputs[0]), undefined],
  ReduceMean: (node, g) => {
    const x = node.inputs[0];
    const share = mul(withReducedAxes(node, g), div(sizeOf(g), sizeOf(x)));
    return [expandLike(share, x), undefined];
  },
  ReduceLogSumExp: (node, g) => {
    const [x] = node.inputs;
    const share = exp(sub(x, withReducedAxes(node, node.output)));
    return [mul(withReducedAxes(node, g), share), undefined];
  },
  Softmax: ({ output: y, attributes }, g) => {
    const weighted = mul(g, y);
    return [sub(weighted, mul(y, reduceSum(weighted, { axes: [int(attributes.axis)], keepDims: true })))];
  },
  LogSoftmax: ({ output: y, attributes }, g) => [
    sub(g, mul(exp(y), reduceSum(g, { axes: [int(attributes.axis)], keepDims: true }))),
  ],
};

function matmulRule({ inputs: [a, b] }: Node, g: Value): Value[] {
  if (a!.shape.length === 2 && b!.shape.length === 2) {
    return [gemm(g, b!, { transB: true }), gemm(a!, g, { transA: true })];
  }
  return [unbroadcast(matmul(g, swapLast(b!)), a!), unbroadcast(matmul(swapLast(a!), g), b!)];
}

function gemmRule({ inputs: [a, b, bias], attributes }: Node, g: Value): Value[] {
  const transA = int(attributes.transA) === 1;
  const transB = int(attributes.transB) === 1;
  const gradients = [
    transA ? gemm(b!, g, { transA: transB, transB: true }) : gemm(g, b!, { transB: !transB }),
    transB ? gemm(g, a!, { transA: true, transB: transA }) : gemm(a!, g, { transA: !transA }),
  ];
  return bias === undefined ? gradients : [...gradients, unbroadcast(g, bias)];
}

function concatRule({ inputs, attributes }: Node, g: Value): Value[] {
  const axis = int(attributes.axis);
  let start = 0;
  return inputs.map(({ shape }) => {
    const from = start;
    start += shape[axis] as number;
    return slice(g, axis, from, start);
  });
}

function sliceRule({ inputs: [x, starts, , axes], output }: Node, g: Value): (Value | undefined)[] {
  const start = integers(starts)[0];
  const axis = integers(axes)[0];
  const after = (x!.shape[axis] as number) - start - (output.shape[axis] as number);
  return [padAxis(g, axis, start, after), undefined, undefined, undefined];
}

function gatherRule({ inputs: [x, indices], attributes }: Node, g: Value): (Value | undefined)[] {
  const axis = int(attributes.axis);
  if (axis === 0) return [scatterRows(x!, indices, g), undefined];
  const axes = x!.shape.map((_, i) => i);
  const toFront = [axis, ...axes.filter((i) => i !== axis)];
  const rows = scatterRows(transpose(x!, toFront), indices, transpose(g, toFront));
  return [transpose(rows, inverse(toFront)), undefined];
}

/** Sums `gradient` over the axes along which `operand` was broadcast. */
function unbroadcast(gradient: Value, operand: Value): Value {
  const { leading, kept } = broadcastAxes(gradient.shape, operand.shape);
  const summed = kept.length === 0 ? gradient : reduceSum(gradient, { axes: kept, keepDims: true });
  return leading.length === 0 ? summed : reduceSum(summed, { axes: leading });
}

/** The gradient of a reduction with its reduced axes put back, size 1. */
function withReducedAxes({ inputs: [, axes], attributes }: Node, gradient: Value): Value {
  const reduced = integers(axes);
  if (int(attributes.keepdims) === 1 || reduced.length === 0) return gradient;
  return unsqueeze(gradient, reduced);
}

function swapLast(x: Value): Value {
  const axes = x.shape.map((_, axis) => axis);
  return transpose(x, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!]);
}

function inverse(permutation: readonly number[]): number[] {
  return permutation.map((_, axis) => permutation.indexOf(axis));
}

function int(attribute: Attribute | undefined): number {
  return (attribute as { int: number }).int;
}

function ints(attribute: Attribute | undefined): readonly number[] {
  return (attribute as { ints: readonly number[] }).ints;
}

function integers(constant: Value | undefined): number[] {
  return Array.from((constant as Constant).data, Number);
}
