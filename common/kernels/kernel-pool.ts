import { Worker } from 'node:worker_threads';
import { kernelsBase64 } from '../../gen/kernels.ts';

/** What is used of WebAssembly, whose constructors @types/node does not declare. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
  readonly Memory: new (limits: { initial: number; maximum: number; shared: true }) => SharedMemory;
}

interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
  grow(pages: number): number;
}

const { Module, Instance, Memory } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;

const PAGE_BYTES = 65_536;
const PAGES_MAX = 65_536;
const ALIGN_BYTES = 64;

/** Kernels by the number that threads know them by; 0 ends a thread. */
const KERNELS = [
  '',
  'leastSquaresRows',
  'gramian',
  'panelProducts',
  'rowProducts',
  'sparseProduct',
  'histograms',
] as const;
const ARGUMENTS_MAX = 16;

type Kernel = Exclude<(typeof KERNELS)[number], ''>;
type Kernels = Readonly<Record<Kernel, (...args: number[]) => void>>;

/** Words of the block that the threads of a pool share. */
const Word = { round: 0, kernel: 1, argumentCount: 2, done: 3, failed: 4, task: 5 } as const;
const WORDS = 8;

/**
 * What a thread does: waits for a round, runs its kernel, reports. Plain JavaScript as text, so that threads start alike from the
 * sources and from bundles. A thread is one of `index` 1 and up; 0 is the caller.
 */
const THREAD = `
const { workerData: { module, memory, kernels, block, words, index } } = require('node:worker_threads');
const { exports: functions } = new WebAssembly.Instance(module, { env: { memory } });
const state = new Int32Array(memory.buffer, block, words);
const values = new Float64Array(memory.buffer, block + 4 * words, ${ARGUMENTS_MAX});
for (let seen = 0; ; ) {
  Atomics.wait(state, ${Word.round}, seen);
  const round = Atomics.load(state, ${Word.round});
  if (round === seen) continue;
  seen = round;
  const kernel = kernels[state[${Word.kernel}]];
  if (kernel === '') break;
  try {
    functions[kernel](...values.subarray(0, state[${Word.argumentCount}]), index);
  } catch {
    Atomics.store(state, ${Word.failed}, 1);
  }
  Atomics.add(state, ${Word.done}, 1);
  Atomics.notify(state, ${Word.done});
}
`;

let compiled: object | undefined;

/**
 * The SIMD kernels of `*.as.ts` over one shared memory, and the threads that run them. Arrays that a kernel works on are
 * allocated here once and live as long as the pool; their `byteOffset` is the kernel's pointer. ONNX Runtime refuses them:
 * hand it a copy. `run` computes on the calling thread too, so a pool of one has no other. Dispose of a pool with more.
 */
export class KernelPool implements Disposable {
  readonly threads: number;
  readonly #memory = new Memory({ initial: 1, maximum: PAGES_MAX, shared: true });
  readonly #kernels: Kernels;
  readonly #block: number;
  readonly #state: Int32Array;
  readonly #values: Float64Array;
  #workers: Worker[] = [];
  #used = ALIGN_BYTES;

  constructor(threads = 1) {
    this.threads = threads;
    compiled ??= new Module(Buffer.from(kernelsBase64, 'base64'));
    const { exports } = new Instance(compiled, { env: { memory: this.#memory } });
    this.#kernels = exports as Kernels;
    this.#block = this.#allocate(4 * WORDS + 8 * ARGUMENTS_MAX);
    this.#state = new Int32Array(this.#memory.buffer, this.#block, WORDS);
    this.#values = new Float64Array(this.#memory.buffer, this.#block + 4 * WORDS, ARGUMENTS_MAX);
  }

  /** Zeros. Throws `RangeError` where the pool would hold more than 4 GiB. */
  f32(length: number): Float32Array {
    const at = this.#allocate(4 * length);
    return new Float32Array(this.#memory.buffer, at, length);
  }

  /** Zeros. */
  i32(length: number): Int32Array {
    const at = this.#allocate(4 * length);
    return new Int32Array(this.#memory.buffer, at, length);
  }

  /** A copy of `values`. */
  u32(values: Uint32Array): Uint32Array {
    const at = this.#allocate(4 * values.length);
    const copy = new Uint32Array(this.#memory.buffer, at, values.length);
    copy.set(values);
    return copy;
  }

  /**
   * Runs a kernel to its end on all threads: its arguments are `args`, the task counter and, where it has scratch, the thread's
   * number. What it computes does not depend on the number of threads.
   */
  run(kernel: Kernel, args: readonly number[]): void {
    const all = [...args, this.#block + 4 * Word.task];
    const state = this.#state;
    state[Word.task] = 0;
    const others = this.threads - 1;
    if (others > 0) this.#start(kernel, all);
    this.#kernels[kernel](...all, 0);
    for (let done = 0; others > 0 && done < others; done = Atomics.load(state, Word.done)) {
      Atomics.wait(state, Word.done, done);
    }
    if (state[Word.failed] !== 0) throw new Error(`kernel ${kernel} failed on a thread`);
  }

  [Symbol.dispose](): void {
    if (this.#workers.length === 0) return;
    this.#announce(0);
    this.#workers = [];
  }

  #start(kernel: Kernel, args: readonly number[]): void {
    if (this.#workers.length === 0) {
      const shared = {
        module: compiled,
        memory: this.#memory,
        kernels: KERNELS,
        block: this.#block,
        words: WORDS,
      };
      this.#workers = Array.from({ length: this.threads - 1 }, (_, i) => {
        const worker = new Worker(THREAD, { eval: true, workerData: { ...shared, index: i + 1 } });
        worker.unref();
        return worker;
      });
    }
    this.#values.set(args);
    this.#state[Word.argumentCount] = args.length;
    this.#state[Word.done] = 0;
    this.#announce(KERNELS.indexOf(kernel));
  }

  #announce(kernel: number): void {
    this.#state[Word.kernel] = kernel;
    Atomics.add(this.#state, Word.round, 1);
    Atomics.notify(this.#state, Word.round);
  }

  #allocate(bytes: number): number {
    const at = this.#used;
    this.#used = Math.ceil((at + bytes) / ALIGN_BYTES) * ALIGN_BYTES;
    const missing = this.#used - this.#memory.buffer.byteLength;
    if (this.#used > PAGE_BYTES * PAGES_MAX) throw new RangeError('kernels have at most 4 GiB of memory');
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
    return at;
  }
}
