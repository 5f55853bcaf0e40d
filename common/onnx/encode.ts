import { create, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import {
  type Attribute,
  type Constant,
  type Domain,
  type ElementType,
  type Graph,
  type Node,
  neededBy,
  type Parameter,
  type Value,
} from './graph.ts';
import type { Shape } from './shapes.ts';

/** What an exported model computes and carries. */
export interface ModelExport {
  /** Output name → value. */
  readonly outputs: Readonly<Record<string, Value>>;
  /** `initialisers`: carried in the file, for serving. `inputs`: fed by name at every run, for training. */
  readonly parameters: 'initialisers' | 'inputs';
  /** Inner values that are fed by name instead of computed: inputs behind the graph's own. */
  readonly cut?: readonly Value[];
  /** Written to the model's `metadata_props`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** IR version 10 and operator set 21: ONNX 1.16, which ONNX Runtime runs from 1.18 on. */
const IR_VERSION = 10n;
const OPERATOR_SET = 21n;
/** Of the tree ensembles that ONNX Runtime runs. */
const DOMAIN_VERSION: Record<Domain, bigint> = { 'ai.onnx.ml': 3n };

const ELEMENT_TYPE: Record<ElementType, TensorProto_DataType> = {
  float32: TensorProto_DataType.FLOAT,
  int64: TensorProto_DataType.INT64,
  bool: TensorProto_DataType.BOOL,
};

/**
 * The bytes of a self-contained ONNX ModelProto: the part of `graph` that `wanted.outputs` depend on. Equal graphs give
 * equal bytes.
 */
export function toBytes(graph: Graph, wanted: ModelExport): Uint8Array {
  const { cut = [] } = wanted;
  const needed = neededBy(graph, Object.values(wanted.outputs), cut);
  const kept = (value: Value) => needed.has(value);
  const inputs = graph.inputs.filter(kept);
  const parameters = graph.parameters.filter(kept);
  const fed = wanted.parameters === 'inputs';
  const initialisers = [...(fed ? [] : parameters), ...[...graph.constants].filter(kept)];
  const keptNodes = graph.nodes.filter(({ output }) => kept(output) && !cut.includes(output));
  const { names, copies } = nameOutputs(keptNodes, needed, wanted.outputs);
  const nodes = keptNodes.map((node) => nodeProto(node, names));
  const domains = [...new Set(keptNodes.flatMap(({ domain }) => domain ?? []))];
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    producerName: 'millrace',
    opsetImport: [
      { domain: '', version: OPERATOR_SET },
      ...domains.map((domain) => ({ domain, version: DOMAIN_VERSION[domain] })),
    ],
    graph: create(GraphProtoSchema, {
      name: 'millrace',
      node: [...nodes, ...copies],
      initializer: initialisers.map(tensorProto),
      input: [...inputs, ...(fed ? parameters : []), ...cut.filter(kept)].map((value) =>
        valueInfo(value.name, value),
      ),
      output: Object.entries(wanted.outputs).map(([name, value]) => valueInfo(name, value)),
    }),
    metadataProps: Object.entries(wanted.metadata ?? {}).map(([key, value]) => ({ key, value })),
  });
  return toBinary(ModelProtoSchema, model);
}

/** A computed value takes its output name; one that is wanted twice, or is fed or constant, is copied to it. */
function nameOutputs(
  nodes: readonly Node[],
  needed: ReadonlySet<Value>,
  outputs: Readonly<Record<string, Value>>,
) {
  const computed = new Set(nodes.map((node) => node.output));
  const names = new Map<Value, string>();
  const copied: [Value, string][] = [];
  for (const value of needed) {
    const wanted = outputs[value.name];
    if (wanted !== undefined && wanted !== value)
      throw new Error(`output '${value.name}' is an inner value's name`);
  }
  for (const [name, value] of Object.entries(outputs)) {
    if (computed.has(value) && !names.has(value)) names.set(value, name);
    else copied.push([value, name]);
  }
  const copies = copied.map(([value, name]) =>
    create(NodeProtoSchema, { opType: 'Identity', input: [names.get(value) ?? value.name], output: [name] }),
  );
  return { names, copies };
}

function nodeProto(node: Node, names: ReadonlyMap<Value, string>): NodeProto {
  const nameOf = (value: Value) => names.get(value) ?? value.name;
  return create(NodeProtoSchema, {
    name: node.output.name,
    opType: node.op,
    domain: node.domain ?? '',
    input: node.inputs.map(nameOf),
    output: [nameOf(node.output)],
    attribute: Object.entries(node.attributes).map(([name, attribute]) => attributeProto(name, attribute)),
  });
}

function attributeProto(name: string, attribute: Attribute): AttributeProto {
  const type = AttributeProto_AttributeType;
  if ('int' in attribute) {
    return create(AttributeProtoSchema, { name, type: type.INT, i: BigInt(attribute.int) });
  }
  if ('ints' in attribute) {
    return create(AttributeProtoSchema, { name, type: type.INTS, ints: Array.from(attribute.ints, BigInt) });
  }
  if ('floats' in attribute) {
    return create(AttributeProtoSchema, { name, type: type.FLOATS, floats: Array.from(attribute.floats) });
  }
  if ('strings' in attribute) {
    const strings = attribute.strings.map((text) => new TextEncoder().encode(text));
    return create(AttributeProtoSchema, { name, type: type.STRINGS, strings });
  }
  return create(AttributeProtoSchema, {
    name,
    type: type.STRING,
    s: new TextEncoder().encode(attribute.string),
  });
}

function tensorProto(value: Constant | Parameter): TensorProto {
  const { buffer, byteOffset, byteLength } = value.data;
  return create(TensorProtoSchema, {
    name: value.name,
    dataType: ELEMENT_TYPE[value.type],
    dims: value.shape.map((dimension) => BigInt(dimension)),
    rawData: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength),
  });
}

function valueInfo(name: string, value: Value): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: { elemType: ELEMENT_TYPE[value.type], shape: shapeOf(value.shape) },
      },
    },
  });
}

function shapeOf(shape: Shape) {
  return {
    dim: shape.map((dimension) =>
      typeof dimension === 'number'
        ? { value: { case: 'dimValue' as const, value: BigInt(dimension) } }
        : { value: { case: 'dimParam' as const, value: dimension } },
    ),
  };
}
