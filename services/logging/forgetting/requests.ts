import { createHmac, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { MillraceError } from '../../../common/errors.ts';
import { makeDirectory, replaceFile } from '../../../common/log/durable-files.ts';

/** What forgets a person, in the order in which it is seen to. */
export const STORES = ['log', 'lake', 'features', 'consumers', 'bundles', 'caches', 'request'] as const;
export type Store = (typeof STORES)[number];

const FILE_MODE = 0o600;

const requestSchema = z.strictObject({
  id: z.string(),
  /** Keyed hash of the user's id. */
  tombstone: z.string(),
  /** The user's id, until nothing is pending. */
  userId: z.string().nullable(),
  requestedMs: z.number(),
  deadlineMs: z.number(),
  /** All that says of the person is in the log before this offset; null until the log says so. */
  barrier: z.number().nullable(),
  stores: z.record(z.enum(STORES), z.strictObject({ doneMs: z.number().nullable(), detail: z.string() })),
});
const fileSchema = z.strictObject({ key: z.string(), requests: z.array(requestSchema) });
/** One request to forget a person. */
export type ForgetRequest = z.infer<typeof requestSchema>;

/**
 * Requests to forget people, in one file that is replaced whole. What stays of one that is done is a tombstone: the user's id hashed
 * with a key of this file alone, which tells late events of before the request, and answers who asks how it went.
 */
export class ForgetRequests {
  readonly #path: string;
  readonly #key: string;
  readonly #requests: ForgetRequest[];
  /** By tombstone: the latest time of a request. */
  readonly #requestedMs = new Map<string, number>();
  #latestMs = 0;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, key: string, requests: ForgetRequest[]) {
    this.#path = path;
    this.#key = key;
    this.#requests = requests;
    for (const request of requests) this.#bury(request);
  }

  /** Those of a MILLRACE_HOME. CONFIG_INVALID, naming the file, where it is not what was written. */
  static async open(home: string): Promise<ForgetRequests> {
    const path = join(home, 'rights', 'forgotten.json');
    await makeDirectory(dirname(path));
    const text = await readFile(path, 'utf8').catch((error) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return new ForgetRequests(path, randomBytes(32).toString('hex'), []);
    try {
      const { key, requests } = fileSchema.parse(JSON.parse(text));
      return new ForgetRequests(path, key, requests);
    } catch (cause) {
      throw new MillraceError('CONFIG_INVALID', `${path}: ${(cause as Error).message}`, { cause });
    }
  }

  /** Every request, oldest first. */
  get all(): readonly ForgetRequest[] {
    return this.#requests;
  }

  /** The latest request about a user. */
  about(userId: string): ForgetRequest | undefined {
    const tombstone = this.#tombstoneOf(userId);
    return this.#requests.findLast((request) => request.tombstone === tombstone);
  }

  /** Whether what a user did at a time is forgotten. */
  isForgotten(userId: string, timeMs: number): boolean {
    return timeMs <= this.#latestMs && timeMs <= this.forgottenUntilMs(userId);
  }

  /** The latest time at which what a user did is forgotten; −Infinity: none. */
  forgottenUntilMs(userId: string): number {
    return this.#requestedMs.get(this.#tombstoneOf(userId)) ?? Number.NEGATIVE_INFINITY;
  }

  /** Records a request, durably on return. */
  async add(userId: string, nowMs: number, deadlineMs: number): Promise<ForgetRequest> {
    const request: ForgetRequest = {
      id: randomBytes(12).toString('hex'),
      tombstone: this.#tombstoneOf(userId),
      userId,
      requestedMs: nowMs,
      deadlineMs,
      barrier: null,
      stores: Object.fromEntries(
        STORES.map((store) => [store, { doneMs: null, detail: 'waits for its turn' }]),
      ) as ForgetRequest['stores'],
    };
    this.#requests.push(request);
    this.#bury(request);
    await this.save();
    return request;
  }

  /** Makes the requests durable as they are. */
  save(): Promise<void> {
    this.#writing = this.#writing
      .catch(() => {})
      .then(() =>
        replaceFile(this.#path, JSON.stringify({ key: this.#key, requests: this.#requests }), FILE_MODE),
      );
    return this.#writing;
  }

  #bury({ tombstone, requestedMs }: ForgetRequest): void {
    this.#requestedMs.set(tombstone, Math.max(requestedMs, this.#requestedMs.get(tombstone) ?? 0));
    this.#latestMs = Math.max(this.#latestMs, requestedMs);
  }

  #tombstoneOf(userId: string): string {
    return createHmac('sha256', this.#key).update(userId).digest('hex');
  }
}
