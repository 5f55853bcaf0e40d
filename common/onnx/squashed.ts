import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, NodeProtoSchema, TensorProto_DataType, TensorProtoSchema } from 'onnx-buf';
import { SCORE_OUTPUT } from './scorer.ts';

/** A scoring model whose score is 1 / (1 + exp(−(slope × its score + intercept))): the same order where the slope is positive. */
export function squashed(
  scoringModel: Uint8Array,
  { slope, intercept }: { readonly slope: number; readonly intercept: number },
): Uint8Array {
  const model = fromBinary(ModelProtoSchema, scoringModel);
  const graph = model.graph!;
  const raw = `raw ${SCORE_OUTPUT}`;
  const renamed = (name: string) => (name === SCORE_OUTPUT ? raw : name);
  for (const node of graph.node) {
    node.name = renamed(node.name);
    node.output = node.output.map(renamed);
    node.input = node.input.map(renamed);
  }
  const constants = { 'raw slope': -slope, 'raw intercept': -intercept, 'raw one': 1 };
  for (const [name, value] of Object.entries(constants)) {
    const dataType = TensorProto_DataType.FLOAT;
    graph.initializer.push(create(TensorProtoSchema, { name, dataType, floatData: [value] }));
  }
  const steps = [
    ['Mul', raw, 'raw slope'],
    ['Add', 'raw Mul', 'raw intercept'],
    ['Exp', 'raw Add'],
    ['Add', 'raw Exp', 'raw one'],
    ['Div', 'raw one', 'raw sum'],
  ] as const;
  const outputs = ['raw Mul', 'raw Add', 'raw Exp', 'raw sum', SCORE_OUTPUT];
  steps.forEach(([opType, ...input], i) => {
    graph.node.push(create(NodeProtoSchema, { name: outputs[i], opType, input, output: [outputs[i]] }));
  });
  return toBinary(ModelProtoSchema, model);
}
