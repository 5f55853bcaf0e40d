import type * as Jax from '@jax-js/jax';
import type { Array as JaxArray } from '@jax-js/jax';
import type { Feeds } from './gradient-step.ts';
import type { Attribute, Constant, Node, Parameter, Value } from './graph.ts';

/** jax-js looks for a browser's navigator when it is loaded. */
async function loadJax(): Promise<typeof Jax> {
  if (!('navigator' in globalThis))
    Object.assign(globalThis, { navigator: { userAgent: 'node', hardwareConcurrency: 2 } });
  const jax = await import('@jax-js/jax');
  await jax.init('cpu');
  jax.defaultDevice('cpu');
  return jax;
}

/** d loss / d parameter by jax-js, for each of `parameters`: the graph's forward pass is played by jax-js and differentiated there. */
export async function jaxGradients(
  loss: Value,
  parameters: readonly Parameter[],
  feeds: Feeds,
): Promise<Float32Array[]> {
  const jax = await loadJax();
  const array = (data: ArrayLike<number | bigint>, shape: readonly number[], ids: boolean) =>
    jax.numpy.array(
      ids ? Int32Array.from(data as BigInt64Array, Number) : Float32Array.from(data as Float32Array),
      {
        shape: [...shape],
      },
    );
  const forward = (values: Record<string, JaxArray>): JaxArray => {
    const known = new Map<Value, JaxArray>();
    for (const parameter of parameters) known.set(parameter, values[parameter.name]);
    for (const constant of loss.graph.constants)
      known.set(constant, array(constant.data, constant.shape as number[], constant.type === 'int64'));
    for (const input of loss.graph.inputs) {
      const fed = feeds[input.name];
      known.set(input, array(fed.data as Float32Array, fed.dims, input.type === 'int64'));
    }
    for (const node of loss.graph.nodes)
      known.set(
        node.output,
        play(jax, node, (value) => known.get(value)!.ref),
      );
    return known.get(loss)!.ref;
  };
  const start = Object.fromEntries(
    parameters.map((parameter) => [
      parameter.name,
      array(parameter.data, parameter.shape as number[], false),
    ]),
  );
  const found = jax.grad(forward)(start) as Record<string, JaxArray>;
  return Promise.all(parameters.map(async ({ name }) => (await found[name].data()) as Float32Array));
}

type Play = (jax: typeof Jax, inputs: readonly JaxArray[], node: Node) => JaxArray;

const plays: Readonly<Record<string, Play>> = {
  Add: ({ numpy }, [a, b]) => numpy.add(a, b),
  Sub: ({ numpy }, [a, b]) => numpy.subtract(a, b),
  Mul: ({ numpy }, [a, b]) => numpy.multiply(a, b),
  Div: ({ numpy }, [a, b]) => numpy.trueDivide(a, b),
  Greater: ({ numpy }, [a, b]) => numpy.greater(a, b),
  Equal: ({ numpy }, [a, b]) => numpy.equal(a, b),
  Cast: ({ numpy }, [a]) => numpy.astype(a, numpy.float32),
  Where: ({ numpy }, [condition, a, b]) => numpy.where(condition, a, b),
  Neg: ({ numpy }, [x]) => numpy.negative(x),
  Abs: ({ numpy }, [x]) => numpy.absolute(x),
  Relu: ({ nn }, [x]) => nn.relu(x),
  Sigmoid: ({ nn }, [x]) => nn.sigmoid(x),
  Tanh: ({ numpy }, [x]) => numpy.tanh(x),
  Softplus: ({ nn }, [x]) => nn.softplus(x),
  Log: ({ numpy }, [x]) => numpy.log(x),
  Exp: ({ numpy }, [x]) => numpy.exp(x),
  Sqrt: ({ numpy }, [x]) => numpy.sqrt(x),
  MatMul: ({ numpy }, [a, b]) => numpy.matmul(a, b),
  Gemm: ({ numpy }, [a, b, bias], { attributes: { transA, transB } }) => {
    const left = int(transA) === 1 ? numpy.matrixTranspose(a) : a;
    const product = numpy.matmul(left, int(transB) === 1 ? numpy.matrixTranspose(b) : b);
    return bias === undefined ? product : numpy.add(product, bias);
  },
  Transpose: ({ numpy }, [x], { attributes }) => numpy.transpose(x, [...ints(attributes.perm)]),
  Reshape: ({ numpy }, [x], { inputs: [, shape] }) => numpy.reshape(x, numbers(shape)),
  Unsqueeze: ({ numpy }, [x], { inputs: [, axes] }) => numpy.expandDims(x, numbers(axes)),
  Concat: ({ numpy }, parts, { attributes }) => numpy.concatenate([...parts], int(attributes.axis)),
  Slice: ({ numpy }, [x], { inputs: [, starts, ends, axes] }) => {
    const [[start], [end], [axis]] = [starts, ends, axes].map(numbers);
    return numpy.take(x, numpy.arange(start, end), axis);
  },
  Gather: ({ numpy }, [x, ids], { attributes }) => numpy.take(x, ids, int(attributes.axis)),
  ReduceSum: ({ numpy }, [x], node) => numpy.sum(x, numbers(node.inputs[1]), { keepdims: keepsDims(node) }),
  ReduceMean: ({ numpy }, [x], node) => numpy.mean(x, numbers(node.inputs[1]), { keepdims: keepsDims(node) }),
  ReduceLogSumExp: ({ nn }, [x], node) =>
    nn.logsumexp(x, numbers(node.inputs[1]), { keepdims: keepsDims(node) }),
  Softmax: ({ nn }, [x], { attributes }) => nn.softmax(x, int(attributes.axis)),
  LogSoftmax: ({ nn }, [x], { attributes }) => nn.logSoftmax(x, int(attributes.axis)),
};

function play(jax: typeof Jax, node: Node, arrayOf: (value: Value) => JaxArray): JaxArray {
  return plays[node.op](jax, node.inputs.map(arrayOf), node);
}

function keepsDims({ attributes }: Node): boolean {
  return int(attributes.keepdims) === 1;
}

function int(attribute: Attribute | undefined): number {
  return (attribute as { int: number }).int;
}

function ints(attribute: Attribute | undefined): readonly number[] {
  return (attribute as { ints: readonly number[] }).ints;
}

function numbers(constant: Value): number[] {
  return Array.from((constant as Constant).data, Number);
}
