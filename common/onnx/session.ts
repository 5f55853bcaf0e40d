import { InferenceSession } from 'onnxruntime-node';

/**
 * The one way to open an ONNX Runtime session: sequential, all optimisations, quiet. `run` computes on the calling
 * thread. More than one of `threads` adds spinning helper threads; only offline work should ask for them. Tensors backed
 * by a SharedArrayBuffer are refused by ONNX Runtime.
 */
export async function openSession(model: Uint8Array, threads = 1): Promise<InferenceSession> {
  return InferenceSession.create(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
}
