import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { gradients } from './autodiff.ts';
import { toBytes } from './encode.ts';
import type { Parameter, Value } from './graph.ts';
import { openSession } from './session.ts';

export type Feeds = Record<string, Tensor>;

export interface GradientStepOptions {
  /** Values whose gradients are wanted too. An inner one is cut from what computes it, and fed by its name. */
  readonly inputGradients?: readonly Value[];
  /** ONNX Runtime's threads. Default 1. */
  readonly threads?: number;
}

export interface StepResult {
  readonly loss: number;
  /** d loss / d input, by input name, row-major. */
  readonly inputGradients: Readonly<Record<string, Float32Array>>;
}

const LOSS_OUTPUT = 'loss';

/**
 * Forward and backward pass of a loss as one ONNX session. All parameters lie in one flat array, in the order given,
 * which the session reads in place; their gradients are written to a second one, so that an optimiser is one loop.
 */
export class GradientStep {
  /** Values of all parameters; the optimiser writes here. */
  readonly parameters: Float32Array;
  /** d loss / d parameter after `run`, laid out as `parameters`. */
  readonly gradients: Float32Array;
  /** The parameters as tensors over `parameters`, by name: feeds for other sessions of the same graph. */
  readonly parameterFeeds: Readonly<Feeds>;
  readonly #owners: readonly Parameter[];
  readonly #session: InferenceSession;
  readonly #fetches: Record<string, Tensor | null> = {};
  readonly #inputNames: readonly string[];

  private constructor(
    session: InferenceSession,
    owners: readonly Parameter[],
    inputNames: readonly string[],
  ) {
    const size = owners.reduce((sum, { data }) => sum + data.length, 0);
    this.parameters = new Float32Array(size);
    this.gradients = new Float32Array(size);
    this.#owners = owners;
    this.#session = session;
    this.#inputNames = inputNames;
    const feeds: Feeds = {};
    for (const { parameter, start, end } of ranges(owners)) {
      const shape = parameter.shape as readonly number[];
      this.parameters.set(parameter.data, start);
      feeds[parameter.name] = new Tensor('float32', this.parameters.subarray(start, end), shape);
      this.#fetches[gradientOutput(parameter)] = new Tensor(
        'float32',
        this.gradients.subarray(start, end),
        shape,
      );
    }
    for (const name of inputNames) this.#fetches[gradientOutput({ name })] = null;
    this.#fetches[LOSS_OUTPUT] = null;
    this.parameterFeeds = feeds;
  }

  /** Extends the graph of `loss` with the backward pass of `parameters` and opens it. */
  static async open(
    loss: Value,
    parameters: readonly Parameter[],
    options: GradientStepOptions = {},
  ): Promise<GradientStep> {
    const { inputGradients = [], threads } = options;
    const wanted = [...parameters, ...inputGradients];
    const outputs: Record<string, Value> = { [LOSS_OUTPUT]: loss };
    gradients(loss, wanted).forEach((gradient, i) => {
      outputs[gradientOutput(wanted[i])] = gradient;
    });
    const cut = inputGradients.filter((value) => !loss.graph.inputs.includes(value));
    const session = await openSession(toBytes(loss.graph, { outputs, parameters: 'inputs', cut }), threads);
    return new GradientStep(
      session,
      parameters,
      inputGradients.map(({ name }) => name),
    );
  }

  /** The inputs that `run` reads, parameters included. */
  get inputNames(): readonly string[] {
    return this.#session.inputNames;
  }

  /** Runs both passes on a batch of inputs, leaving `gradients`. */
  async run(feeds: Feeds): Promise<StepResult> {
    const results = await this.#session.run({ ...feeds, ...this.parameterFeeds }, this.#fetches);
    const inputGradients: Record<string, Float32Array> = {};
    for (const name of this.#inputNames) {
      inputGradients[name] = results[gradientOutput({ name })].data as Float32Array;
    }
    return { loss: results[LOSS_OUTPUT].data[0] as number, inputGradients };
  }

  /** The ranges of `parameters` that regularisation touches: weights, not biases. */
  regularisedRanges(): { start: number; end: number }[] {
    return ranges(this.#owners).filter(({ parameter }) => parameter.regularised);
  }

  /** Copies `values`, laid out as `parameters`, into the graph's parameters, where an export finds them. */
  commit(values: Float32Array = this.parameters): void {
    for (const { parameter, start, end } of ranges(this.#owners))
      parameter.data.set(values.subarray(start, end));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }
}

function gradientOutput({ name }: { readonly name: string }): string {
  return `gradient of ${name}`;
}

function ranges(owners: readonly Parameter[]): { parameter: Parameter; start: number; end: number }[] {
  let end = 0;
  return owners.map((parameter) => {
    const start = end;
    end += parameter.data.length;
    return { parameter, start, end };
  });
}
